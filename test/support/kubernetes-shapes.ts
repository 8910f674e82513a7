import { among, either, list, mapOf, record, type Shape, text, whole } from "./shape.ts";

/** DNS-1123: names of things, of volumes and of containers. */
const NAME = text(/^[a-z0-9]([-a-z0-9.]{0,61}[a-z0-9])?$/);
/** IANA_SVC_NAME: names of ports. */
const PORT_NAME = text(/^(?=.*[a-z])[a-z0-9]([-a-z0-9]{0,13}[a-z0-9])?$/);
const PORT = whole(1, 65_535);
const QUANTITY = text(/^\d+(\.\d+)?(m|k|Ki|M|Mi|G|Gi)?$/);
const PATH = text(/^\//);
const YES_OR_NO = among(true, false);
const SECONDS = whole(0, 3_600);
const LABELS = mapOf(text(/^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/));

const METADATA = record({ name: NAME, "labels?": LABELS });
const SELECTOR = record({ matchLabels: LABELS });
const PORT_REF = either(PORT, PORT_NAME);

const PROBE = record({
  httpGet: record({ path: PATH, port: PORT_REF }),
  "initialDelaySeconds?": SECONDS,
  "periodSeconds?": whole(1, 3_600),
  "timeoutSeconds?": whole(1, 3_600),
  "failureThreshold?": whole(1, 100),
});

const ENV = either(
  record({ name: text(/^[A-Z_][A-Z0-9_]*$/), value: text() }),
  record({
    name: text(/^[A-Z_][A-Z0-9_]*$/),
    valueFrom: either(
      record({ fieldRef: record({ fieldPath: text(/^(metadata|status|spec)\./) }) }),
      record({ configMapKeyRef: record({ name: NAME, key: text() }) }),
      record({ secretKeyRef: record({ name: NAME, key: text() }) }),
    ),
  }),
);

const CONTAINER = record({
  name: NAME,
  image: text(/^[a-z0-9][a-z0-9./_-]*:[\w][\w.-]*$/),
  imagePullPolicy: among("Always", "IfNotPresent", "Never"),
  command: list(text()),
  "args?": list(text()),
  "env?": list(ENV),
  "ports?": list(record({ name: PORT_NAME, containerPort: PORT })),
  "readinessProbe?": PROBE,
  "livenessProbe?": PROBE,
  "lifecycle?": record({ preStop: record({ exec: record({ command: list(text()) }) }) }),
  volumeMounts: list(record({ name: NAME, mountPath: PATH, "readOnly?": YES_OR_NO })),
  resources: record({
    requests: record({ cpu: QUANTITY, memory: QUANTITY }),
    limits: record({ "cpu?": QUANTITY, memory: QUANTITY }),
  }),
  securityContext: record({
    allowPrivilegeEscalation: YES_OR_NO,
    readOnlyRootFilesystem: YES_OR_NO,
    capabilities: record({ drop: list(text(/^[A-Z_]+$/)) }),
  }),
});

const VOLUME = either(
  record({ name: NAME, emptyDir: record({ "medium?": among("Memory"), "sizeLimit?": QUANTITY }) }),
  record({ name: NAME, configMap: record({ name: NAME }) }),
  record({ name: NAME, secret: record({ secretName: NAME, defaultMode: whole(0, 0o777) }) }),
);

const POD = record({
  enableServiceLinks: YES_OR_NO,
  automountServiceAccountToken: YES_OR_NO,
  terminationGracePeriodSeconds: SECONDS,
  securityContext: record({
    runAsNonRoot: YES_OR_NO,
    runAsUser: whole(1, 2 ** 31),
    runAsGroup: whole(1, 2 ** 31),
    fsGroup: whole(1, 2 ** 31),
    seccompProfile: record({ type: among("RuntimeDefault", "Localhost", "Unconfined") }),
  }),
  affinity: record({
    podAntiAffinity: record({
      preferredDuringSchedulingIgnoredDuringExecution: list(
        record({
          weight: whole(1, 100),
          podAffinityTerm: record({ topologyKey: text(/^[a-z.]+\/[a-z]+$/), labelSelector: SELECTOR }),
        }),
      ),
    }),
  }),
  initContainers: list(CONTAINER),
  containers: list(CONTAINER),
  volumes: list(VOLUME),
});

const STATEFUL_SET = record({
  replicas: whole(0, 100),
  serviceName: NAME,
  podManagementPolicy: among("Parallel", "OrderedReady"),
  updateStrategy: record({ type: among("RollingUpdate", "OnDelete") }),
  selector: SELECTOR,
  template: record({ metadata: record({ labels: LABELS, "annotations?": mapOf(text()) }), spec: POD }),
});

const SERVICE = record({
  "clusterIP?": among("None"),
  "publishNotReadyAddresses?": YES_OR_NO,
  selector: LABELS,
  ports: list(record({ name: PORT_NAME, port: PORT, targetPort: PORT_REF })),
});

const NETWORK_POLICY = record({
  podSelector: SELECTOR,
  policyTypes: list(among("Ingress", "Egress")),
  ingress: list(record({ "from?": list(record({ podSelector: SELECTOR })), ports: list(record({ port: PORT_REF })) })),
});

/**
 * What the kinds that we use look like, as the API reference of Kubernetes 1.25 and later has them: only the fields that our
 * manifests have. A mistyped or misplaced one is none of these; a new one is added here when it was looked up there.
 */
const KINDS: Readonly<Record<string, Shape>> = {
  Secret: kind("v1", { type: among("Opaque"), stringData: mapOf(text()) }),
  ConfigMap: kind("v1", { data: mapOf(text()) }),
  Service: kind("v1", { spec: SERVICE }),
  StatefulSet: kind("apps/v1", { spec: STATEFUL_SET }),
  PodDisruptionBudget: kind("policy/v1", { spec: record({ maxUnavailable: whole(1, 100), selector: SELECTOR }) }),
  NetworkPolicy: kind("networking.k8s.io/v1", { spec: NETWORK_POLICY }),
};

/** What is wrong with a manifest, one text each. */
export function manifestProblems(manifest: { readonly kind: string }): readonly string[] {
  return KINDS[manifest.kind]?.(manifest, manifest.kind) ?? [`${manifest.kind} is no kind that is known here`];
}

function kind(apiVersion: string, fields: Readonly<Record<string, Shape>>): Shape {
  return record({ apiVersion: among(apiVersion), kind: text(), metadata: METADATA, ...fields });
}
