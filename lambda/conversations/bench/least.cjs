// The least that a handler takes which talks to the database: Node.js, and a connection with TLS. It neither signs in nor asks.

const net = require('node:net');
const tls = require('node:tls');

const {DB_HOST: host, DB_PORT: port} = process.env;
const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]); // https://www.postgresql.org/docs/current/protocol-message-formats.html

const secured = new Promise((resolve, reject) => {
  const socket = net.connect({host, port, noDelay: true}).on('error', reject);
  socket.write(SSL_REQUEST);
  socket.once('data', () => {
    const encrypted = tls.connect({socket, servername: host, ca: tls.getCACertificates('extra')}, () => resolve(encrypted)).on('error', reject);
  });
});

exports.handler = async () => {
  await secured;
  return {statusCode: 200, headers: {}, body: '{}'};
};
