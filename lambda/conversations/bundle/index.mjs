// The entry point in the bundle. The rest is CommonJS, which loads faster; but only a module can have Lambda wait: for the connection, which
// is then made while the environment starts rather than during the first request.

import {createRequire} from 'node:module';

const {handler, ready} = createRequire(import.meta.url)('./serving.js');
await ready;

export {handler};
