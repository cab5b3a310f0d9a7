-- Take the bodies of a file in turn, as POSTs of JSON; without bodies every request is a GET.
local requests, place = {}, 0

function init(arguments)
  for body in io.lines(arguments[1]) do
    local headers = {["Content-Type"] = "application/json"}
    requests[#requests + 1] = wrk.format("POST", nil, headers, body)
  end
  if #requests == 0 then
    requests[1] = wrk.format("GET")
  end
end

function request()
  place = place % #requests + 1
  return requests[place]
end

function done(summary, latency)
  local errors = summary.errors
  local broken = errors.connect + errors.read + errors.write + errors.timeout
  io.write(string.format(
    '\n{"wrk": {"requests": %d, "duration": %d, "refused": %d, "broken": %d, "p50": %d, "p99": %d}}\n',
    summary.requests, summary.duration, errors.status, broken,
    latency:percentile(50), latency:percentile(99)))
end
