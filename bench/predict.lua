-- wrk -s predict.lua URL -- CLIP [MEAN_DELAY_MS] posts CLIP as the field `file` of a form, at once after each answer or
-- after a pause of exponential length. It prints one line of JSON at the end.

function init(args)
    local file = assert(io.open(args[1], "rb"))
    local clip = file:read("*a")
    file:close()
    wrk.method = "POST"
    wrk.headers["Content-Type"] = "multipart/form-data; boundary=clip"
    wrk.body = '--clip\r\nContent-Disposition: form-data; name="file"; filename="clip.wav"\r\n'
        .. "Content-Type: audio/wav\r\n\r\n" .. clip .. "\r\n--clip--\r\n"
    local mean = tonumber(args[2])
    if mean then
        math.randomseed(1)
        function delay()
            return math.floor(0.5 - mean * math.log(1 - math.random()))
        end
    end
end

function done(summary, latency)
    local errors = summary.errors
    io.write(string.format(
        '{"requests":%d,"seconds":%f,"failed":%d,"p50_ms":%f,"p99_ms":%f}\n',
        summary.requests, summary.duration / 1e6,
        errors.connect + errors.read + errors.write + errors.status + errors.timeout,
        latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
