const hook = /^use[A-Z]/;
/** What may call a hook: a component, or another hook. */
const caller = /^(?:use)?[A-Z]/;

const nameOf = (node) => node.id?.name ?? (node.parent.type === 'VariableDeclarator' ? node.parent.id.name : undefined);

/** A hook in a handler, an effect or a callback compiles, and throws when that is called. */
export const hooksInComponents = {
  meta: {
    type: 'problem',
    schema: [],
    messages: { place: '{{hook}} is called in {{place}}: React throws there. Call it in the component itself.' },
  },
  create(context) {
    return {
      CallExpression(node) {
        const { callee } = node;
        const name = callee.type === 'MemberExpression' ? callee.property.name : callee.name;
        if (!hook.test(name ?? '')) return;
        let above = node.parent;
        while (above && !/Function/.test(above.type)) above = above.parent;
        if (!above || caller.test(nameOf(above) ?? '')) return;
        context.report({ node, messageId: 'place', data: { hook: name, place: nameOf(above) ?? 'a callback' } });
      },
    };
  },
};
