-- Health of TrafficSplit, AuthorizationPolicy and MeshTLS in Argo CD, by the rules of kstatus:
-- Degraded is what somebody must edit, Healthy is live on every proxy, and the rest is on its way.
local status = obj.status or {}
local health = { status = "Progressing", message = "The operator has not seen this generation yet" }
if status.observedGeneration ~= obj.metadata.generation then
  return health
end
local conditions = {}
for _, condition in ipairs(status.conditions or {}) do
  conditions[condition.type] = condition
end
local stalled, ready = conditions.Stalled, conditions.Ready
if stalled ~= nil and stalled.status == "True" then
  health.status = "Degraded"
  health.message = stalled.reason .. ": " .. stalled.message
elseif ready ~= nil then
  if ready.status == "True" then
    health.status = "Healthy"
  end
  health.message = ready.reason .. ": " .. ready.message
end
return health
