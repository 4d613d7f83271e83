import js from '@eslint/js';

const globals = ['Buffer', 'performance', 'process', 'console', 'setImmediate', 'setTimeout', 'clearTimeout', 'URL', 'fetch'];

export default [
  js.configs.recommended,
  {files: ['**/*.cjs'], languageOptions: {sourceType: 'commonjs', globals: {__dirname: 'readonly', module: 'readonly', require: 'readonly'}}},
  {
    languageOptions: {ecmaVersion: 2025, globals: Object.fromEntries(globals.map((name) => [name, 'readonly']))},
    linterOptions: {reportUnusedDisableDirectives: 'error'},
    rules: {
      eqeqeq: 'error',
      'no-var': 'error',
      'prefer-const': 'error',
      'no-shadow': 'error',
      'no-unused-vars': 'error',
      'object-shorthand': 'error',
      'consistent-return': 'error',
      'no-throw-literal': 'error',
      'max-lines': ['error', 500],
      complexity: ['error', 12],
    },
  },
];
