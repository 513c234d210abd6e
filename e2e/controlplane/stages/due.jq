# Which stage a pod is due, given the whole Pod: prints exactly one stage name.
# Every stage file in this folder selects on this one program, so the rules cannot overlap and a
# pod that needs nothing gets "pod-hold", which cancels a delayed stage that no longer applies.
# Every patch names the resourceVersion that it was decided on. If the pod has changed since, the
# patch is refused, and the event of that change decides again.

# What the pod is meant to do: ready, never-ready, crash or image-missing.
def wanted:
  .metadata.annotations["sluice.test/pod"]
  // ([.spec.containers[].image | split("/") | last | split(":")[1:] | join(":")] | join(" ")
      | if test("crash") then "crash"
        elif test("never-ready") then "never-ready"
        elif test("missing") then "image-missing"
        else "ready" end);

def of_job: any(.metadata.ownerReferences[]?; .kind == "Job");
def ready: any(.status.conditions[]?; .type == "Ready" and .status == "True");
def container: .status.containerStatuses[0]?.state // {};
def running: container | has("running");
def waiting: container | .waiting?.reason // "";

if .metadata.deletionTimestamp then "pod-delete"
elif .status.phase == "Succeeded" or .status.phase == "Failed" then "pod-hold"
elif wanted == "crash" then
  if waiting == "CrashLoopBackOff" then "pod-hold" else "pod-crash" end
elif wanted == "image-missing" then
  if waiting == "ImagePullBackOff" then "pod-hold" else "pod-image-missing" end
elif running | not then "pod-run"
elif of_job then "pod-job-end"
elif wanted == "never-ready" then
  if ready then "pod-unready" else "pod-hold" end
elif ready then "pod-hold"
else "pod-ready" end
