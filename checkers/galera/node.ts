/** A row of SHOW STATUS or SHOW VARIABLES. */
type NameAndValue = Readonly<Record<string, string | null>>;

/** What is asked, in two questions that every MySQL, MariaDB and Percona server answers, wsrep or not. */
export const QUESTIONS = {
  status: `SHOW GLOBAL STATUS WHERE Variable_name IN ('wsrep_cluster_status', 'wsrep_connected', 'wsrep_ready',
    'wsrep_local_state', 'wsrep_local_state_comment', 'wsrep_local_recv_queue', 'wsrep_flow_control_paused_ns')`,
  variables: `SHOW GLOBAL VARIABLES WHERE Variable_name IN ('wsrep_on', 'wsrep_reject_queries', 'pxc_maint_mode',
    'read_only')`,
} as const;

/** What a node says of itself; undefined where the server does not have the word. */
export interface NodeFacts {
  /** `Primary`, `non-Primary`, `Disconnected`; undefined: it is no Galera node. */
  readonly clusterStatus: string | undefined;
  readonly isConnected: boolean;
  readonly isReady: boolean;
  /** 1 joining, 2 donor or desynced, 3 joined, 4 synced; 0 outside of a cluster (Galera, "Node state changes"). */
  readonly localState: number;
  /** The same in a word, as the server says it. */
  readonly stateWord: string;
  /** `NONE`, `ALL`, `ALL_KILL` */
  readonly rejects: string | undefined;
  /** Percona XtraDB Cluster only: `DISABLED`, `MAINTENANCE`, `SHUTDOWN`. */
  readonly maintMode: string | undefined;
  readonly isReadOnly: boolean;
  /** Write-sets that wait to be applied. */
  readonly receiveQueue: number;
  /** For how long, since the server started, flow control has held up the cluster, ns. */
  readonly pausedNs: number;
}

/** Reads both answers by the names in them, whatever their order and however many there are. */
export function parseNode(status: readonly NameAndValue[], variables: readonly NameAndValue[]): NodeFacts {
  const values = new Map(
    [...status, ...variables].map((row) => [(row["Variable_name"] ?? "").toLowerCase(), row["Value"] ?? ""]),
  );
  const get = (name: string) => values.get(name);
  const isOn = (name: string) => /^(on|1|yes)$/i.test(get(name) ?? "");
  return {
    clusterStatus: get("wsrep_on")?.toUpperCase() === "OFF" ? undefined : get("wsrep_cluster_status"),
    isConnected: isOn("wsrep_connected"),
    isReady: isOn("wsrep_ready"),
    localState: Number(get("wsrep_local_state") ?? 0),
    stateWord: get("wsrep_local_state_comment") ?? "",
    rejects: get("wsrep_reject_queries")?.toUpperCase(),
    maintMode: get("pxc_maint_mode")?.toUpperCase(),
    isReadOnly: isOn("read_only"),
    receiveQueue: Number(get("wsrep_local_recv_queue") ?? 0),
    pausedNs: Number(get("wsrep_flow_control_paused_ns") ?? 0),
  };
}
