// What Lambda's Node.js runtimes do around a handler: load it, fetch events from the Runtime API, answer them, and log as they do.
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html, https://docs.aws.amazon.com/lambda/latest/dg/nodejs-handler.html
import { existsSync } from 'node:fs'
import { createRequire, registerHooks } from 'node:module'
import http from 'node:http'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import util from 'node:util'

const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(':')
const root = process.env.LAMBDA_TASK_ROOT
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
const NEWEST_WITH_CALLBACKS = 22
const callbacks = Number(/nodejs(\d+)/.exec(process.env.AWS_EXECUTION_ENV)?.[1] ?? 0) <= NEWEST_WITH_CALLBACKS
let request = 'undefined'

function ask(method, name, body) {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) }
    const call = http.request({ host, port, agent, method, path: `/2018-06-01/runtime/${name}`, headers }, (answer) => {
      const chunks = []
      answer.on('data', (chunk) => chunks.push(chunk))
      answer.on('end', () => resolve({ headers: answer.headers, body: Buffer.concat(chunks).toString('utf8') }))
    })
    call.on('error', reject)
    call.end(body)
  })
}

for (const [method, level] of Object.entries({ log: 'INFO', info: 'INFO', warn: 'WARN', error: 'ERROR', debug: 'DEBUG', trace: 'TRACE' })) {
  console[method] = (...words) => {
    const text = util.format(...words).replaceAll('\n', '\r') // one event, as CloudWatch shows it
    process.stdout.write(`${new Date().toISOString()}\t${request}\t${level}\t${text}\n`)
  }
}

function failure(error, kind) {
  if (error instanceof Error || (error && typeof error === 'object' && 'message' in error)) {
    return { errorType: kind ?? error.name ?? 'Error', errorMessage: String(error.message), trace: String(error.stack ?? error).split('\n') }
  }
  return { errorType: kind ?? typeof error, errorMessage: String(error), trace: [] }
}

function told(what, error, kind) {
  const described = failure(error, kind)
  const extra = error && typeof error === 'object' ? Object.fromEntries(Object.entries(error).filter(([key]) => key !== 'stack')) : {}
  const whole = { errorType: described.errorType, errorMessage: described.errorMessage, ...extra, stack: described.trace }
  process.stdout.write(`${new Date().toISOString()}\t${request}\tERROR\t${what}\t${JSON.stringify(whole)}\n`)
  return described
}

// Lambda's runtimes find modules of layers by NODE_PATH for `import` too, which Node.js itself does for `require` alone.
const layers = (process.env.NODE_PATH ?? '').split(':').filter((folder) => path.basename(folder) === 'node_modules')
if (layers.length > 0) {
  registerHooks({
    resolve(specifier, context, next) {
      const parents = [context.parentURL, ...layers.map((folder) => pathToFileURL(path.join(path.dirname(folder), 'index.mjs')).href)]
      for (const [index, parentURL] of parents.entries()) {
        try {
          return next(specifier, { ...context, parentURL })
        } catch (error) {
          if (error?.code !== 'ERR_MODULE_NOT_FOUND' || /^[./]|:/.test(specifier) || index === parents.length - 1) throw error
        }
      }
    }
  })
}

class HandlerNotFound extends Error {}
class ImportModuleError extends Error {}

async function load() {
  const specified = process.env._HANDLER
  const folder = path.dirname(specified)
  const [module, ...names] = path.basename(specified).split('.')
  if (names.length === 0) throw Object.assign(new Error('Bad handler'), { kind: 'Runtime.MalformedHandlerName' })
  const base = path.resolve(root, folder, module)
  const file = ['', '.js', '.mjs', '.cjs'].map((ending) => base + ending).find((each) => existsSync(each) && path.extname(each))
  if (!file) throw Object.assign(new ImportModuleError(`Error: Cannot find module '${module}'`), { kind: 'Runtime.ImportModuleError' })
  let loaded
  try {
    loaded = path.extname(file) === '.cjs' ? createRequire(import.meta.url)(file) : await import(pathToFileURL(file).href)
  } catch (error) {
    if (error instanceof SyntaxError) throw Object.assign(error, { kind: 'Runtime.UserCodeSyntaxError' })
    if (['MODULE_NOT_FOUND', 'ERR_MODULE_NOT_FOUND'].includes(error?.code)) {
      throw Object.assign(new ImportModuleError(`Error: ${error.message}`), { kind: 'Runtime.ImportModuleError' })
    }
    throw error
  }
  const find = (from) => names.reduce((found, name) => found?.[name], from)
  const handler = find(loaded) ?? find(loaded.default)
  if (typeof handler !== 'function') {
    throw Object.assign(new HandlerNotFound(`${specified} is undefined or not exported`), { kind: 'Runtime.HandlerNotFound' })
  }
  return handler
}

function contextOf(headers) {
  const deadline = Number(headers['lambda-runtime-deadline-ms'])
  return {
    callbackWaitsForEmptyEventLoop: true,
    functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
    functionVersion: process.env.AWS_LAMBDA_FUNCTION_VERSION,
    memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: process.env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: process.env.AWS_LAMBDA_LOG_STREAM_NAME,
    invokedFunctionArn: headers['lambda-runtime-invoked-function-arn'],
    awsRequestId: headers['lambda-runtime-aws-request-id'],
    clientContext: headers['lambda-runtime-client-context'] ? JSON.parse(headers['lambda-runtime-client-context']) : undefined,
    getRemainingTimeInMillis: () => deadline - Date.now()
  }
}

function called(handler, event, context) {
  if (!callbacks || handler.length < 3) return Promise.resolve(handler(event, context))
  return new Promise((resolve, reject) => {
    const answered = handler(event, context, (error, value) => (error == null ? resolve(value) : reject(error)))
    if (typeof answered?.then === 'function') answered.then(resolve, reject)
  })
}

let handler
try {
  handler = await load()
} catch (error) {
  const described = told('Uncaught Exception', error, error?.kind)
  await ask('POST', 'init/error', JSON.stringify(described))
  process.exit(1)
}

async function fatal(what, error, kind) {
  const described = told(what, error, kind)
  await ask('POST', `invocation/${request}/error`, JSON.stringify(described)).catch(() => {})
  process.exit(128)
}
process.on('uncaughtException', (error) => fatal('Uncaught Exception', error))
process.on('unhandledRejection', (reason) => {
  const error = new Error(String(reason?.message ?? reason))
  if (reason?.stack) error.stack = reason.stack
  fatal('Unhandled Promise Rejection', error, 'Runtime.UnhandledPromiseRejection')
})

for (;;) {
  const next = await ask('GET', 'invocation/next')
  request = next.headers['lambda-runtime-aws-request-id']
  try {
    const value = await called(handler, JSON.parse(next.body), contextOf(next.headers))
    let body
    try {
      body = value === undefined ? 'null' : JSON.stringify(value)
    } catch (error) {
      throw Object.assign(new Error(`Unable to stringify response body: ${error.message}`), { kind: 'Runtime.MarshalError' })
    }
    await ask('POST', `invocation/${request}/response`, body ?? 'null')
  } catch (error) {
    await ask('POST', `invocation/${request}/error`, JSON.stringify(told('Invoke Error', error, error?.kind)))
  }
}
