// A handler that does nothing: what it takes to start is Node.js's, and the benchmark's.
exports.handler = async () => ({statusCode: 200, headers: {}, body: '{}'});
