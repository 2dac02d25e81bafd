import js from '@eslint/js';
import svelte from 'eslint-plugin-svelte';
import { defineConfig } from 'eslint/config';
import globals from 'globals';
import ts from 'typescript-eslint';

export default defineConfig(
  // The functions run on Deno and have a linter of their own: `deno lint`.
  { ignores: ['**/build/', '**/.svelte-kit/', '**/*.gen.ts', '.stack/', 'supabase/functions/'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  js.configs.recommended,
  ts.configs.strict,
  svelte.configs.recommended,
  {
    rules: {
      // The compiler knows better what exists, Svelte files included.
      'no-undef': 'off',
      'no-empty-pattern': ['error', { allowObjectPatternsAsParameters: true }],
      eqeqeq: 'error',
      '@typescript-eslint/no-unused-vars': ['error', { varsIgnorePattern: '^_$' }],
      // The site is served at the root of its origin, so a path is a path.
      'svelte/no-navigation-without-resolve': 'off',
    },
  },
  {
    files: ['scripts/**/*.ts', 'supabase/tests/**/*.ts', '*.ts'],
    extends: [ts.configs.strictTypeCheckedOnly],
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      // Objects of plain functions are how this code passes dependencies; none of them uses `this`.
      '@typescript-eslint/unbound-method': 'off',
    },
  },
  {
    // A test that is wrong about what it found should fail there and then.
    files: ['**/*.test.ts', 'web/e2e/**/*.ts'],
    rules: { '@typescript-eslint/no-non-null-assertion': 'off' },
  },
  {
    files: ['**/*.svelte', '**/*.svelte.ts'],
    languageOptions: {
      parserOptions: { parser: ts.parser, extraFileExtensions: ['.svelte'] },
      globals: globals.browser,
    },
  },
);
