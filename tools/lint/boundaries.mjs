import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/**
 * Which layer may import which, by the Nx tags `layer:` of the packages. A layer that is not a key here imports nothing
 * of ours. Design section 2.
 */
const mayImport = {
  bus: ['contracts'],
  hypervisor: ['contracts'],
  'agent-kit': ['contracts', 'config', 'bus', 'hypervisor'],
  agent: ['contracts', 'config', 'hypervisor', 'agent-kit', 'client'],
  app: ['contracts', 'config', 'bus'],
  // What runs at the user's knows the public API, and what of the configuration it writes.
  'client-app': ['api-client', 'config'],
  check: ['contracts', 'config', 'bus', 'hypervisor', 'agent-kit', 'client', 'api-client', 'check'],
};

/** Packages from outside that only one layer or package may use. */
const reserved = [
  { pattern: /^@nats-io\//, owners: ['@polyvirt/bus'], why: 'NATS is spoken in libs/bus only' },
  { pattern: /^(@nestjs\/)?typeorm$/, owners: ['@polyvirt/gateway'], why: 'only the gateway has a database' },
];

const packages = new Map();

function packageOf(file) {
  for (let folder = dirname(file); folder !== dirname(folder); folder = dirname(folder)) {
    if (!packages.has(folder)) {
      try {
        packages.set(folder, JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')));
      } catch {
        packages.set(folder, undefined);
      }
    }
    const found = packages.get(folder);
    if (found) return found;
  }
  return undefined;
}

const layerOf = (manifest) => manifest?.nx?.tags?.find((tag) => tag.startsWith('layer:'))?.slice('layer:'.length);

/** Manifest of one of our packages, from the workspace's links. */
function ours(name, root) {
  const key = `@${name}`;
  if (!packages.has(key))
    packages.set(key, JSON.parse(readFileSync(join(root, 'node_modules', name, 'package.json'), 'utf8')));
  return packages.get(key);
}

export const boundaries = {
  meta: {
    type: 'problem',
    schema: [],
    messages: { layer: '{{from}} ({{fromLayer}}) may not import {{to}} ({{toLayer}}).', reserved: '{{to}}: {{why}}.' },
  },
  create(context) {
    const self = packageOf(context.filename);
    const isTest =
      /\.(spec|database|conformance|simulator|libvirt|e2e|browser|powershell|docker|kill|bench)\.ts$|\/testing\//.test(
        context.filename,
      );
    const check = (node) => {
      const target = node.source?.value;
      if (typeof target !== 'string' || !self) return;
      for (const { pattern, owners, why } of reserved)
        if (pattern.test(target) && !owners.includes(self.name) && !(isTest && layerOf(self) === 'check'))
          context.report({ node, messageId: 'reserved', data: { to: target, why } });
      const name = /^@polyvirt\/[^/]+/.exec(target)?.[0];
      if (!name || name === self.name) return;
      const fromLayer = layerOf(self);
      const toLayer = layerOf(ours(name, context.cwd));
      // Tests may start real servers with what the tools have.
      if (isTest && toLayer === 'check') return;
      // What is tried on a simulator needs its clock, which lives in its kit.
      if (isTest && toLayer === 'simulator' && target === `${name}/testing`) return;
      // Tests may hold what is said twice, here and beyond the API, to be the same.
      if (isTest && fromLayer === 'client-app' && toLayer === 'contracts') return;
      if (!mayImport[fromLayer]?.includes(toLayer))
        context.report({ node, messageId: 'layer', data: { from: self.name, fromLayer, to: name, toLayer } });
    };
    return {
      ImportDeclaration: check,
      ExportNamedDeclaration: check,
      ExportAllDeclaration: check,
      ImportExpression: check,
    };
  },
};
