// Speaks TLS for a PostgreSQL that was built without it: takes connections, negotiates as PostgreSQL does
// (https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-SSL) and passes the rest on to the server's Unix socket.
// Its settings come as one line of JSON on standard input, whose end ends it too; it prints a line when it listens.
import { readFileSync } from 'node:fs'
import net from 'node:net'
import readline from 'node:readline'
import tls from 'node:tls'

const SSL_REQUEST = 80877103
const GSS_REQUEST = 80877104
const CANCEL_REQUEST = 80877102
const FIRST_BYTE_OF_TLS = 0x16
const LONGEST_START = 10000 // PostgreSQL's own limit of a startup packet
const SECONDS_TO_START = 60

readline.createInterface({ input: process.stdin }).once('line', (line) => serve(JSON.parse(line))).on('close', () => process.exit(0))

function serve({ host, port, backlog, socket, certificate, key, force }) {
  const secureContext = tls.createSecureContext({ cert: readFileSync(certificate), key: readFileSync(key), minVersion: 'TLSv1.2' })
  const server = net.createServer({ noDelay: true, pauseOnConnect: true }, (client) => {
    client.on('error', () => client.destroy())
    client.setTimeout(SECONDS_TO_START * 1000, () => client.destroy())
    start(client)
  })

  function start(client) {
    let held = Buffer.alloc(0)
    const read = () => {
      for (let chunk; (chunk = client.read()) !== null;) held = Buffer.concat([held, chunk])
      if (held.length > 0 && held[0] === FIRST_BYTE_OF_TLS && !client.encrypted) {
        client.off('readable', read)
        return secure(client, held, true)
      }
      if (held.length < 8) return
      const length = held.readInt32BE(0)
      const code = held.readInt32BE(4)
      if (length < 8 || length > LONGEST_START) return client.destroy()
      if (length === 8 && (code === SSL_REQUEST || code === GSS_REQUEST) && !client.encrypted) {
        // Bytes that came with the request were not protected by what it asks for: CVE-2021-23214.
        if (held.length > 8) return client.destroy()
        held = Buffer.alloc(0)
        if (code === GSS_REQUEST) return client.write('N')
        client.off('readable', read)
        return client.write('S', () => secure(client, held, false))
      }
      if (held.length < length) return
      client.off('readable', read)
      if (force && !client.encrypted && code !== CANCEL_REQUEST) return refuse(client, held.subarray(8, length))
      pass(client, held)
    }
    client.on('readable', read)
    client.resume()
    client.pause()
    read()
  }

  function secure(client, held, direct) {
    if (held.length > 0) client.unshift(held)
    const secured = new tls.TLSSocket(client, { isServer: true, secureContext, ALPNProtocols: ['postgresql'] })
    secured.on('error', () => client.destroy())
    secured.on('close', () => client.destroy())
    secured.once('secure', () => {
      if (direct && secured.alpnProtocol !== 'postgresql') return client.destroy()
      client.setTimeout(0)
      secured.setTimeout(SECONDS_TO_START * 1000, () => secured.destroy())
      start(secured)
    })
  }

  function pass(client, held) {
    client.setTimeout(0)
    const database = net.connect(socket)
    database.on('error', () => client.destroy())
    client.on('error', () => database.destroy())
    client.on('close', () => database.destroy())
    database.on('close', () => client.destroySoon())
    database.write(held)
    client.pipe(database)
    database.pipe(client)
  }

  server.on('error', (error) => {
    console.error(error.message)
    process.exit(1)
  })
  server.listen({ host, port, backlog }, () => console.log(`listening on ${server.address().port}`))
}

// In the words that pg_hba.conf with hostssl alone brings about.
function refuse(client, parameters) {
  const words = parameters.toString('utf8').split('\0')
  const given = Object.fromEntries(words.flatMap((word, index) => (index % 2 === 0 && word ? [[word, words[index + 1]]] : [])))
  const address = client.remoteAddress
  const message = `no pg_hba.conf entry for host "${address}", user "${given.user}", database "${given.database ?? given.user}", no encryption`
  const fields = Buffer.from(`SFATAL\0VFATAL\0C28000\0M${message}\0\0`)
  const header = Buffer.alloc(5)
  header.write('E')
  header.writeInt32BE(fields.length + 4, 1)
  client.end(Buffer.concat([header, fields]))
}
