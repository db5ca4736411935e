import js from '@eslint/js';
import hooks from 'eslint-plugin-react-hooks';
import tseslint from 'typescript-eslint';

const features = ['patient', 'clinician', 'steward', 'shared'];
const below = { ui: ['verify', 'links'], links: ['ui', 'verify'], api: ['ui', 'verify', 'links'], crypto: ['ui', 'api', 'verify', 'links'], verify: ['ui', 'api', 'links'] };

/** Router -> features -> ui, links, verify -> api -> crypto; nothing points the other way, and features never meet. */
function layer(folder, banned, message) {
  return {
    files: [`src/${folder}/**/*.{ts,tsx}`],
    ignores: ['**/*.test.{ts,tsx}'],
    rules: {
      'no-restricted-imports': [
        'error',
        { patterns: [{ group: banned.flatMap((name) => [`**/${name}/**`, `**/${name}`]), message }] },
      ],
    },
  };
}

export default tseslint.config(
  { ignores: ['dist', 'node_modules', 'postcss.config.cjs'] },
  js.configs.recommended,
  ...tseslint.configs.recommended,
  {
    files: ['src/**/*.{ts,tsx}'],
    plugins: { 'react-hooks': hooks },
    rules: { ...hooks.configs.recommended.rules, 'react-hooks/set-state-in-effect': 'off' },
  },
  {
    files: ['**/*.{ts,tsx}'],
    rules: {
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      'no-restricted-syntax': [
        'error',
        { selector: "JSXAttribute[name.name='dangerouslySetInnerHTML']", message: 'Trusted Types: build elements instead.' },
        { selector: "AssignmentExpression[left.property.name=/^(inner|outer)HTML$/]", message: 'Trusted Types: build elements instead.' },
      ],
      eqeqeq: 'error',
    },
  },
  ...features.map((feature) =>
    layer(
      feature,
      [...features.filter((other) => other !== feature), 'testing', 'Router'],
      'A feature imports only ui, links, api, crypto and verify.',
    ),
  ),
  ...Object.entries(below).map(([folder, others]) =>
    layer(folder, [...features, ...others, 'testing', 'Router'], 'The layers below the features do not look up.'),
  ),
);
