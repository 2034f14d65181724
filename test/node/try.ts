import { startCluster } from "../../tools/cluster.ts";
const t = performance.now(); const at = () => ((performance.now()-t)/1000).toFixed(2);
const c = await startCluster({ directory: process.argv[2]!, images: new Map([["tools:dev", { mounts: {"/usr/local/bin/node": process.execPath} }]]) });
console.log(at(), "up");
await c.apply(`
apiVersion: v1
kind: ConfigMap
metadata: {name: cfg, namespace: default}
data: {a: one}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: default}
spec: {selector: {app: web}, ports: [{name: http, port: 80, targetPort: http}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: default, labels: {app: web}}
spec:
  terminationGracePeriodSeconds: 3
  initContainers:
  - {name: first, image: "tools:dev", command: [sh, -c, 'echo init $(POD_IP) $HOSTNAME; id; cat /proc/self/status | grep Cap; ls -la / /etc; cat /etc/hosts'], env: [{name: POD_IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}]}
  - name: side
    image: tools:dev
    restartPolicy: Always
    command: [node, -e, 'require("http").createServer((q,s)=>s.end("side")).listen(9000); process.on("SIGTERM",()=>{console.log("term");process.exit(0)})']
    securityContext: {runAsUser: 1337, capabilities: {drop: [ALL]}}
    startupProbe: {httpGet: {port: 9000}, periodSeconds: 1}
  containers:
  - name: app
    image: tools:dev
    command: [node, -e, 'require("http").createServer((q,s)=>s.end(require("fs").readFileSync("/cfg/a"))).listen(8080);process.on("SIGTERM",()=>{console.log("term");process.exit(0)})']
    ports: [{name: http, containerPort: 8080}]
    readinessProbe: {httpGet: {port: http}, periodSeconds: 1}
    volumeMounts: [{name: c, mountPath: /cfg}]
  volumes: [{name: c, configMap: {name: cfg}}]
---
apiVersion: v1
kind: Pod
metadata: {name: client, namespace: default}
spec:
  terminationGracePeriodSeconds: 3
  containers: [{name: app, image: "tools:dev", command: [sh, -c, 'trap "exit 0" TERM; while :; do sleep 0.1; done']}]
`);
try {
console.log(at(), "applied");
const w = await c.kubectl(["wait","pod","--all","--for=condition=Ready","--timeout=20s"]); console.log(at(), w.stdout, w.stderr);
console.log(c.logs("default","web","first"));
console.log((await c.kubectl(["get","pod","web","-o","yaml"])).stdout.slice(-5000));
const call = () => c.exec("default","client","app",["curl","-s","-m","2","http://web"]);
console.log(at(), await call());
await c.kubectl(["patch","cm","cfg","-p",'{"data":{"a":"two","b":"x"}}']); const s=performance.now();
await c.waitFor("two", async()=> (await call()).stdout==="two"); console.log("swap", performance.now()-s);
const d = performance.now(); console.log((await c.kubectl(["delete","pod","--all"])).stdout, performance.now()-d);
console.log(c.logs("default","web","app"), c.logs("default","web","side"));
} catch (e) { console.log(e); }
console.log(await c.describe());
await c.stop(); console.log(at(), "stopped");
