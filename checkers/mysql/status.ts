import type { Row } from "./link.ts";

/** What a replica says about one of its sources (MySQL: a channel, MariaDB: a connection name). */
export interface Replication {
  /** MySQL's `Channel_Name`, MariaDB's `Connection_name`; empty for the only or unnamed one. */
  readonly channel: string;
  readonly source: SourceName;
  /** `connecting`: it is not connected and tries again. */
  readonly receiver: "running" | "connecting" | "stopped";
  readonly applierRuns: boolean;
  /** Undefined when the server says NULL. */
  readonly lagSeconds: number | undefined;
  readonly receiverError: ThreadError | undefined;
  readonly applierError: ThreadError | undefined;
  /** Everything that was received is applied. */
  readonly hasAppliedAll: boolean;
}

/** A source as its replica names it. */
export interface SourceName {
  readonly host: string;
  readonly port: number;
  /** Learned from the source when it was last connected; undefined before that. */
  readonly serverId: number | undefined;
  /** MySQL only. */
  readonly uuid: string | undefined;
}

/** The last error of one of the two threads. */
export interface ThreadError {
  readonly errno: number;
  readonly text: string;
}

/**
 * Reads the rows of SHOW REPLICA STATUS, SHOW SLAVE STATUS or SHOW ALL SLAVES STATUS. MySQL 8.0.22 renamed
 * Master_X to Source_X, Slave_X to Replica_X and Seconds_Behind_Master to Seconds_Behind_Source (MySQL 8.4, "SHOW
 * REPLICA STATUS"); MariaDB has the old names.
 */
export function parseStatus(rows: readonly Row[]): readonly Replication[] {
  return rows.map(parseRow).filter(({ source }) => source.host !== "");
}

function parseRow(row: Row): Replication {
  const get = (newName: string, oldName: string) => row[newName] ?? row[oldName] ?? "";
  const lag = row["Seconds_Behind_Source"] ?? row["Seconds_Behind_Master"] ?? "";
  return {
    channel: get("Channel_Name", "Connection_name"),
    source: {
      host: get("Source_Host", "Master_Host"),
      port: Number(get("Source_Port", "Master_Port")),
      serverId: positive(get("Source_Server_Id", "Master_Server_Id")),
      uuid: get("Source_UUID", "Master_UUID").toLowerCase() || undefined,
    },
    receiver: receiverState(get("Replica_IO_Running", "Slave_IO_Running")),
    applierRuns: get("Replica_SQL_Running", "Slave_SQL_Running") === "Yes",
    lagSeconds: lag === "" ? undefined : Number(lag),
    receiverError: threadError(row, "Last_IO"),
    applierError: threadError(row, "Last_SQL"),
    hasAppliedAll: hasAppliedAll(get, row),
  };
}

function positive(text: string): number | undefined {
  const number = Number(text);
  return Number.isSafeInteger(number) && number > 0 ? number : undefined;
}

/** `Preparing` is MariaDB's word for a thread that has only just been started. */
function receiverState(word: string): Replication["receiver"] {
  if (word === "Yes") return "running";
  return word === "Connecting" || word === "Preparing" ? "connecting" : "stopped";
}

function threadError(row: Row, prefix: "Last_IO" | "Last_SQL"): ThreadError | undefined {
  const errno = Number(row[`${prefix}_Errno`] ?? 0);
  return errno === 0 ? undefined : { errno, text: row[`${prefix}_Error`] ?? "" };
}

/**
 * By the positions, or by what the SQL thread says it waits for: when the source died in the middle of sending a
 * transaction, the piece that came is never applied, and the positions stay apart for ever.
 */
function hasAppliedAll(get: (newName: string, oldName: string) => string, row: Row): boolean {
  const state = get("Replica_SQL_Running_State", "Slave_SQL_Running_State");
  if (/has read all relay log/i.test(state)) return true;
  const readFile = get("Source_Log_File", "Master_Log_File");
  if (readFile === "") return false;
  return (
    readFile === get("Relay_Source_Log_File", "Relay_Master_Log_File") &&
    get("Read_Source_Log_Pos", "Read_Master_Log_Pos") === (row["Exec_Source_Log_Pos"] ?? row["Exec_Master_Log_Pos"])
  );
}
