-- Posts the bodies in turn, each thread and connection starting where the last left off; prints the figures as JSON.
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
local count = 0

request = function()
  count = count + 1
  return wrk.format(nil, nil, nil, bodies[(count - 1) % #bodies + 1])
end

done = function(summary, latency, requests)
  local e = summary.errors
  io.write(string.format(
    '\n{"requests": %d, "microseconds": %d, "refused": %d, "timeouts": %d, "broken": %d, "p50": %.3f, "p99": %.3f}\n',
    summary.requests, summary.duration, e.status, e.timeout, e.connect + e.read + e.write,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
