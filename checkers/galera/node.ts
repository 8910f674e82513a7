/** A row of SHOW STATUS or SHOW VARIABLES. */
type NameAndValue = Readonly<Record<string, string | null>>;

/**
 * What is asked, in two questions that every MySQL, MariaDB and Percona server answers, wsrep or not, to a user without
 * any privilege. SHOW and not SELECT: outside of a primary component a SELECT from a table is refused (1047).
 */
export const QUESTIONS = {
  status: `SHOW GLOBAL STATUS WHERE Variable_name IN ('wsrep_cluster_status', 'wsrep_cluster_size', 'wsrep_connected',
    'wsrep_ready', 'wsrep_local_state', 'wsrep_local_state_comment', 'wsrep_local_recv_queue',
    'wsrep_flow_control_paused_ns', 'wsrep_flow_control_sent', 'wsrep_flow_control_recv')`,
  variables: `SHOW GLOBAL VARIABLES WHERE Variable_name IN ('wsrep_on', 'wsrep_desync', 'wsrep_reject_queries',
    'pxc_maint_mode', 'read_only')`,
} as const;

/** What a node says of itself; undefined where the server does not have the word. */
export interface NodeFacts {
  /** `Primary`, `non-Primary`, `Disconnected`; undefined: it is no Galera node. */
  readonly clusterStatus: string | undefined;
  /** Members of its component, itself and arbitrators among them. */
  readonly clusterSize: number;
  readonly isConnected: boolean;
  readonly isReady: boolean;
  /** 1 joining, 2 donor or desynced, 3 joined, 4 synced; 0 outside of a cluster (Galera, "Node state changes"). */
  readonly localState: number;
  /** The same in a word, as the server says it. */
  readonly stateWord: string;
  /** Somebody has set wsrep_desync there; a transfer or a backup desyncs without it. */
  readonly isDesyncedByHand: boolean;
  /** `NONE`, `ALL`, `ALL_KILL` */
  readonly rejects: string | undefined;
  /** Percona XtraDB Cluster only: `DISABLED`, `MAINTENANCE`, `SHUTDOWN`. */
  readonly maintMode: string | undefined;
  readonly isReadOnly: boolean;
  /** Write-sets that wait to be applied. */
  readonly receiveQueue: number;
  /** For how long, since the server started, flow control has held up the cluster, ns: the same on each node. */
  readonly pausedNs: number;
  /** How often this node has asked for that. */
  readonly pausesSent: number;
  /** How often any node has, this one included. */
  readonly pausesReceived: number;
}

/** Reads both answers by the names in them, whatever their order and however many there are. */
export function parseNode(status: readonly NameAndValue[], variables: readonly NameAndValue[]): NodeFacts {
  const values = new Map(
    [...status, ...variables].map((row) => [(row["Variable_name"] ?? "").toLowerCase(), row["Value"] ?? ""]),
  );
  const get = (name: string) => values.get(name);
  const isOn = (name: string) => /^(on|1|yes)$/i.test(get(name) ?? "");
  const count = (name: string) => Number(get(name) ?? 0) || 0;
  return {
    clusterStatus: get("wsrep_on")?.toUpperCase() === "OFF" ? undefined : get("wsrep_cluster_status"),
    clusterSize: count("wsrep_cluster_size"),
    isConnected: isOn("wsrep_connected"),
    isReady: isOn("wsrep_ready"),
    localState: count("wsrep_local_state"),
    stateWord: get("wsrep_local_state_comment") ?? "",
    isDesyncedByHand: isOn("wsrep_desync"),
    rejects: get("wsrep_reject_queries")?.toUpperCase(),
    maintMode: get("pxc_maint_mode")?.toUpperCase(),
    // MariaDB 12 knows more words for it than ON.
    isReadOnly: !/^(off|0|no)$/i.test(get("read_only") ?? "OFF"),
    receiveQueue: count("wsrep_local_recv_queue"),
    pausedNs: count("wsrep_flow_control_paused_ns"),
    pausesSent: count("wsrep_flow_control_sent"),
    pausesReceived: count("wsrep_flow_control_recv"),
  };
}
