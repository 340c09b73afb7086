-- Shows a request to a hub before HAProxy lets it pass, for haproxy-verify.cfg. The hub needs the token, which is in
-- Authorization or in a cookie, and nothing else of the request. The argument of lua.session_verify is where to ask.

local timeout = 3000 -- milliseconds; a hub answers within 2 seconds

-- HAProxy counts from 0, and Lua from 1. The order stays: of two tokens the hub takes the first.
local function list(values)
    local all = {}
    for i = 0, values and #values or -1 do
        all[i + 1] = values[i]
    end
    return all
end

core.register_action("session_verify", { "http-req" }, function(txn, hub)
    local sent = txn.http:req_get_headers()
    local answer = core.httpclient():get({
        url = hub,
        headers = { authorization = list(sent["authorization"]), cookie = list(sent["cookie"]) },
        timeout = timeout,
    })
    if not answer or not answer.status then
        return
    end
    local function header(name)
        local values = answer.headers and answer.headers[name]
        return values and values[0] or ""
    end
    txn:set_var("txn.session_user", header("x-session-user"))
    txn:set_var("txn.session_id", header("x-session-id"))
    txn:set_var("txn.session_device", header("x-session-device"))
    txn:set_var("txn.session_attributes", header("x-session-attributes"))
    txn:set_var("txn.session_reason", header("x-session-reason"))
    txn:set_var("txn.session_problem", answer.body or "")
    txn:set_var("txn.session_status", tostring(answer.status)) -- the last one: without it, nothing passes
end, 1)
