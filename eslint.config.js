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
      // With unchecked indexed access on, a `!` is a decision somebody made and a reader sees.
      '@typescript-eslint/no-non-null-assertion': 'off',
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
      // `return end(response)` is an early return, and reads as one.
      '@typescript-eslint/no-confusing-void-expression': 'off',
      // Objects of plain functions are how this code passes dependencies; none of them uses `this`.
      '@typescript-eslint/unbound-method': 'off',
    },
  },
  {
    // What OpenAI calls deprecated is what most of its callers send.
    files: ['supabase/tests/gateway/*.ts'],
    rules: { '@typescript-eslint/no-deprecated': 'off' },
  },
  {
    files: ['**/*.svelte', '**/*.svelte.ts'],
    languageOptions: {
      parserOptions: { parser: ts.parser, extraFileExtensions: ['.svelte'] },
      globals: globals.browser,
    },
  },
);
