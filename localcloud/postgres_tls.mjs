// Speaks TLS for a PostgreSQL that was built without it: takes connections, negotiates as PostgreSQL does
// (https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-SSL) and passes the rest on to the server's Unix socket.
// Its settings come as a line of JSON on standard input, and changes of `force` as more such lines; the input's end ends it too. It prints
// a line when it listens. Where it is gated, it prints a line of JSON for each connection, and passes nothing on until a line answers that
// it is open; after a line that says that something has changed it asks again before it passes more on.
import { readFileSync } from 'node:fs'
import net from 'node:net'
import readline from 'node:readline'
import { Transform } from 'node:stream'
import tls from 'node:tls'

const SSL_REQUEST = 80877103
const GSS_REQUEST = 80877104
const CANCEL_REQUEST = 80877102
const FIRST_BYTE_OF_TLS = 0x16
const LONGEST_START = 10000 // PostgreSQL's own limit of a startup packet
const SECONDS_TO_START = 60

let force = true
let serving = false
let changes = 0
let questions = 0
const waiting = new Map() // for an answer, or for a better one: {origin, go, asked}, by the question's number

readline
  .createInterface({ input: process.stdin })
  .on('line', (line) => {
    const told = JSON.parse(line)
    if (told.force !== undefined) force = told.force
    if (told.changed) judgeAgain()
    if (told.connection !== undefined) answered(told.connection, told.open)
    if (!serving) serve(told)
    serving = true
  })
  .on('close', () => process.exit(0))

// Calls `go` when the connection is open, now if it has been so since the last change; never where it is not, and stays silent.
function whenOpen(origin, go) {
  if (origin.open === changes) return go()
  const number = ++questions
  waiting.set(number, { origin, go })
  origin.waits = number
  ask(number)
}

function ask(number) {
  const question = waiting.get(number)
  question.asked = changes
  question.closed = false
  console.log(JSON.stringify({ connection: number, address: question.origin.address, port: question.origin.port }))
}

function answered(number, open) {
  const question = waiting.get(number)
  if (!question) return // it ended meanwhile
  if (open) {
    waiting.delete(number)
    question.origin.open = question.asked
    question.go()
  } else if (question.asked !== changes) ask(number)
  else question.closed = true
}

function judgeAgain() {
  changes += 1
  for (const [number, question] of waiting) if (question.closed) ask(number)
}

function serve({ host, port, backlog, socket, certificate, key, gated }) {
  const secureContext = tls.createSecureContext({ cert: readFileSync(certificate), key: readFileSync(key), minVersion: 'TLSv1.2' })
  const server = net.createServer({ noDelay: true, pauseOnConnect: true }, (client) => {
    client.on('error', () => client.destroy())
    client.setTimeout(SECONDS_TO_START * 1000, () => client.destroy())
    client.origin = { address: client.remoteAddress, port: client.remotePort }
    client.on('close', () => waiting.delete(client.origin.waits))
    if (gated) whenOpen(client.origin, () => start(client))
    else start(client)
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
    secured.origin = client.origin
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
    const passing = gated ? client.pipe(gateOf(client.origin)) : client
    passing.pipe(database)
    database.pipe(client)
  }

  function gateOf(origin) {
    return new Transform({ transform: (chunk, _encoding, done) => whenOpen(origin, () => done(null, chunk)) })
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
