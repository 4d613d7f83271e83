// One line of JSON per request: a log entry and, in CloudWatch's embedded metric format, the metrics in it. It says how a request went,
// and neither whose it was nor what it held: routes instead of paths, codes instead of messages.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html

// One set of dimensions: every combination more is billed as a metric more.
const METRICS = [
  {Name: 'Latency', Unit: 'Milliseconds'},
  {Name: 'Errors', Unit: 'Count'}, // answers of 5xx
  {Name: 'Refusals', Unit: 'Count'}, // answers of 4xx
  {Name: 'ColdStarts', Unit: 'Count'},
];

// Not console.log, before whose text Lambda puts time and request id: metrics need lines that are JSON as a whole.
const write = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

export function journal({namespace, functionName = 'conversations', print = write}) {
  return {
    request({requestId, apiRequestId, method, route, status, milliseconds, coldStart, code, trace}) {
      print({
        _aws: {
          Timestamp: Date.now(),
          CloudWatchMetrics: [{Namespace: namespace, Dimensions: [['FunctionName']], Metrics: METRICS}],
        },
        level: status >= 500 ? 'ERROR' : 'INFO',
        message: 'request',
        requestId,
        apiRequestId,
        method,
        route,
        status,
        code,
        trace,
        coldStart,
        FunctionName: functionName,
        Latency: Math.round(milliseconds * 1000) / 1000,
        Errors: status >= 500 ? 1 : 0,
        Refusals: status >= 400 && status < 500 ? 1 : 0,
        ColdStarts: coldStart ? 1 : 0,
      });
    },
  };
}

/** Where an unexpected error came from: its stack without its message, which may quote a user's data. */
export function traceOf(error) {
  const frames = String(error?.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line));
  return frames.slice(0, 8).map((line) => line.trim());
}
