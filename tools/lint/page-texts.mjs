const words = /\p{L}{2,}\s+\p{L}{2,}/u;
const capitalised = /^\p{Lu}\p{Ll}{2,}[.!?…:]?$/u;
const letters = /\p{L}{2,}/u;

/** Names in no language, and keys of a keyboard as events call them. */
const names = new Set([
  'Polyvirt',
  'Enter',
  'Delete',
  'Space',
  'Escape',
  'Tab',
  'Shift',
  'Control',
  'Alt',
  'Home',
  'End',
  'Super',
]);
/** Functions that show nothing of what they are given: keys of the catalogues, names of components. */
const silent = new Set(['t', 'lazyRouteComponent']);
/** Attributes that people read or hear. */
const read =
  /^(?:label|title|placeholder|description|alt|error|message|nothingFound|children)$|^aria-(?:label|description|roledescription|valuetext|placeholder)$/;
/** Attributes that programs read. */
const forPrograms =
  /^(?:className|style|styles|key|id|to|href|d|points|viewBox|transform|shadow|preserveAspectRatio|aria-(?:sort|current|haspopup|live|expanded|checked|invalid)|bd|border|borderTop|borderBottom|data-.*)$/;

const isTyped = ({ type }) =>
  type.startsWith('TS') &&
  type !== 'TSAsExpression' &&
  type !== 'TSNonNullExpression' &&
  type !== 'TSSatisfiesExpression';

/** Where a text ends up: on the page for sure, maybe, or never. */
function fate(node) {
  for (let [at, above] = [node, node.parent]; above; [at, above] = [above, above.parent]) {
    if (isTyped(above) || /^(?:Import|Export(?:All|Named)|ImportExpression)/.test(above.type)) {
      if (above.type !== 'ExportNamedDeclaration') return 'never';
    }
    if (above.type === 'NewExpression' && /Error$/.test(above.callee.name ?? '')) return 'never';
    if (above.type === 'CallExpression' && above.callee !== at) {
      return silent.has(above.callee.name) ? 'never' : 'maybe';
    }
    if (above.type === 'BinaryExpression' && above.operator !== '+') return 'never';
    if (above.type === 'MemberExpression' && above.property === at) return 'never';
    if (above.type === 'Property') {
      if (above.key === at && !above.computed) return 'never';
      const name = String(above.key.name ?? above.key.value);
      if (forPrograms.test(name)) return 'never';
    }
    if (above.type === 'JSXSpreadAttribute') return 'maybe';
    // `condition && 'text'`, `condition ? 'text' : undefined`: only the text is shown.
    if (above.type === 'ConditionalExpression' && above.test === at) return 'never';
    if (above.type === 'JSXAttribute') {
      const name = above.name.type === 'JSXNamespacedName' ? '' : above.name.name;
      return read.test(name) ? 'shown' : forPrograms.test(name) ? 'never' : 'maybe';
    }
    if (above.type === 'JSXElement' || above.type === 'JSXFragment') return 'shown';
    if (/Function|Statement|Declaration|Program/.test(above.type) && !/^Variable/.test(above.type)) return 'maybe';
  }
  return 'maybe';
}

/** Every text that somebody reads or hears is in the catalogues, in each language. */
export const textInCatalogues = {
  meta: {
    type: 'problem',
    schema: [],
    messages: { text: '"{{text}}" belongs into the catalogues of apps/web/src/i18n.' },
  },
  create(context) {
    const check = (node, text) => {
      const trimmed = text.trim();
      if (!letters.test(trimmed) || names.has(trimmed)) return;
      const where = fate(node);
      if (where === 'shown' || (where === 'maybe' && (words.test(trimmed) || capitalised.test(trimmed))))
        context.report({ node, messageId: 'text', data: { text: trimmed } });
    };
    return {
      JSXText: (node) => check(node, node.value),
      Literal: (node) => typeof node.value === 'string' && check(node, node.value),
      TemplateElement: (node) => check(node, node.value.cooked ?? ''),
    };
  },
};
