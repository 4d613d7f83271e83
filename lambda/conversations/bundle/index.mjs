// The entry point in the bundle. The rest is CommonJS, which loads faster; but only a module can have Lambda wait: for the connection, which
// is then made while the environment starts, with all of a core, rather than during the first request, with the function's share of one.

import {createRequire} from 'node:module';
import {setFlagsFromString} from 'node:v8';

// To tell a name from an address, Node.js has a regular expression that V8 takes six milliseconds to optimise: longer than to connect.
setFlagsFromString('--no-regexp-optimization');
const {handler, ready} = createRequire(import.meta.url)('./serving.js');
await ready;
setFlagsFromString('--regexp-optimization');

export {handler};
