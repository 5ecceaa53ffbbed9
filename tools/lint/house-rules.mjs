const routes = new Set(['Get', 'Post', 'Put', 'Patch', 'Delete', 'All', 'Sse']);
const guards = new Set(['Accepts', 'RequirePermission', 'Public']);

const nameOf = (decorator) =>
  decorator.expression.type === 'CallExpression' ? decorator.expression.callee.name : decorator.expression.name;

/** A route that nobody has to be allowed to call is a hole: `@Public()` says that it is meant. */
export const routeHasPermission = {
  meta: {
    type: 'problem',
    schema: [],
    messages: { missing: 'The route {{name}} declares no permission: add @Accepts, @RequirePermission or @Public.' },
  },
  create: (context) => ({
    MethodDefinition(node) {
      const names = (node.decorators ?? []).map(nameOf);
      if (!names.some((name) => routes.has(name)) || names.some((name) => guards.has(name))) return;
      const classNames = (node.parent.parent.decorators ?? []).map(nameOf);
      if (!classNames.some((name) => guards.has(name)))
        context.report({ node: node.key, messageId: 'missing', data: { name: node.key.name } });
    },
  }),
};

/** The environment is read once, in libs/config, so that a typing error in a variable ends the start and not a night. */
export const noEnvOutsideConfig = {
  meta: { type: 'problem', schema: [], messages: { env: 'process.env belongs to libs/config: declare a setting.' } },
  create: (context) => ({
    MemberExpression(node) {
      if (node.object.type === 'Identifier' && node.object.name === 'process' && node.property.name === 'env')
        context.report({ node, messageId: 'env' });
    },
  }),
};

const subject = /^polyvirt\.v1(\.|$)|^polyvirt_(inventory|hosts|journal)$|^POLYVIRT_(COMMANDS|EVENTS|ROLLUPS)$/;

/** Subjects, streams and buckets are spelt in libs/contracts only. */
export const noSubjectLiteral = {
  meta: { type: 'problem', schema: [], messages: { literal: '{{text}} is spelt in libs/contracts: use its builder.' } },
  create(context) {
    const check = (node, text) => {
      if (subject.test(text)) context.report({ node, messageId: 'literal', data: { text } });
    };
    return {
      Literal: (node) => typeof node.value === 'string' && check(node, node.value),
      TemplateElement: (node) => check(node, node.value.cooked ?? ''),
    };
  },
};
