/** How the renderer's React is compiled: for the app by electron-vite and for its tests by vitest alike. */
import react from '@vitejs/plugin-react';
import babel from 'vite-plugin-babel';

/**
 * The React Compiler memoizes every component and hook, so that a change of one layer's bits does not render
 * the whole window again. Babel only parses here: types and JSX stay for the React plugin.
 */
export const reactPlugins = [
  babel({
    include: /\/renderer\/src\/.*\.tsx?$/,
    babelConfig: {
      parserOpts: { plugins: ['typescript', 'jsx'] },
      plugins: [['babel-plugin-react-compiler', { panicThreshold: 'none' }]],
      configFile: false,
      sourceMaps: true,
    },
  }),
  react(),
];
