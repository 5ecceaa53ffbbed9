import eslint from '@eslint/js';
import tseslint from 'typescript-eslint';
import { boundaries } from './tools/lint/boundaries.mjs';
import { hooksInComponents } from './tools/lint/hooks.mjs';
import { noEnvOutsideConfig, noSubjectLiteral, routeHasPermission } from './tools/lint/house-rules.mjs';
import { textInCatalogues } from './tools/lint/page-texts.mjs';

const house = {
  rules: {
    boundaries,
    'hooks-in-components': hooksInComponents,
    'no-env-outside-config': noEnvOutsideConfig,
    'no-subject-literal': noSubjectLiteral,
    'route-has-permission': routeHasPermission,
    'text-in-catalogues': textInCatalogues,
  },
};

const testsThatDoNotRun = {
  selector: 'CallExpression[callee.object.name=/^(describe|it|test)$/][callee.property.name=/^(skip|only|todo)$/]',
  message: 'A test runs or does not exist.',
};
const impatientTests = {
  selector:
    'CallExpression[callee.name=/^(it|story|beforeAll|beforeEach|afterAll|afterEach)$/] > Literal[raw=/^[0-9_]+$/][value<60000].arguments, ' +
    "CallExpression[callee.callee.object.name='it'][callee.callee.property.name='each'] > Literal[raw=/^[0-9_]+$/][value<60000].arguments",
  message: 'Less than the 60 s that Jest gives by itself fails on a slow machine: leave it out.',
};
const wordsOfTheValidator = {
  selector: "MemberExpression[property.name='issues'][object.property.name='error']",
  message: 'Users are told by sentences of ours: parse what they send with `parseInput` of http/faults.ts.',
};

export default tseslint.config(
  { ignores: ['**/dist/', '.nx/', '.polyvirt/', 'coverage/', '**/*.d.ts', 'libs/api-client/src/generated/'] },
  eslint.configs.recommended,
  {
    files: ['**/*.mjs'],
    languageOptions: { globals: { process: 'readonly', console: 'readonly', URL: 'readonly' } },
  },
  {
    files: ['**/*.ts', 'apps/web/**/*.tsx'],
    extends: [tseslint.configs.recommended],
    plugins: { house },
    // One program for all packages: each with its own would check the libraries again.
    languageOptions: {
      parserOptions: {
        project: ['tsconfig.lint.json', 'apps/web/tsconfig.json'],
        tsconfigRootDir: import.meta.dirname,
      },
    },
    rules: {
      '@typescript-eslint/await-thenable': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: { arguments: false } }],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_$', ignoreRestSiblings: true },
      ],
      'no-empty': ['error', { allowEmptyCatch: false }],
      'no-restricted-syntax': ['error', testsThatDoNotRun, impatientTests],
      'house/boundaries': 'error',
      'house/no-env-outside-config': 'error',
      'house/no-subject-literal': 'error',
      'house/route-has-permission': 'error',
    },
  },
  {
    // Emitting decorator metadata needs the class itself where a type import would do for the checker.
    files: ['apps/**/*.ts', 'libs/bus/**/*.ts', 'libs/agent-kit/**/*.ts'],
    rules: { '@typescript-eslint/consistent-type-imports': 'off' },
  },
  {
    files: ['apps/gateway/src/**/*.ts'],
    ignores: ['apps/gateway/src/http/faults.ts', '**/*.{spec,service}.ts'],
    rules: { 'no-restricted-syntax': ['error', testsThatDoNotRun, impatientTests, wordsOfTheValidator] },
  },
  {
    files: ['apps/web/src/**/*.{ts,tsx}'],
    ignores: ['**/*.{spec,service}.ts'],
    rules: { 'house/text-in-catalogues': 'error', 'house/hooks-in-components': 'error' },
  },
  // Beside plain JavaScript and in no project of the checker.
  { files: ['tools/lint/**/*.ts'], extends: [tseslint.configs.disableTypeChecked] },
  { files: ['libs/contracts/src/**/*.ts'], rules: { 'house/no-subject-literal': 'off' } },
  { files: ['libs/config/src/**/*.ts'], rules: { 'house/no-env-outside-config': 'off' } },
  // The command line has no settings of a service; what it reads from its user's environment comes in here.
  { files: ['apps/cli/src/terminal.ts'], rules: { 'house/no-env-outside-config': 'off' } },
  {
    // Simulators, tools and tests start processes, and hand them an environment.
    files: [
      'simulators/**/*.ts',
      'tools/**/*.ts',
      'e2e/**/*.ts',
      'bench/**/*.ts',
      '**/*.{spec,service,database,conformance,simulator,libvirt,e2e,browser,powershell,docker,kill}.ts',
      '**/testing/**/*.ts',
    ],
    rules: { 'house/no-env-outside-config': 'off', 'house/no-subject-literal': 'off' },
  },
);
