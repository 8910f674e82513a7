/**
 * Every keyword a line of `defaults`, `listen` or `backend` may begin with (configuration manual 4.1, sources 2.4 to
 * 3.4). A line that begins with another one may begin a section we do not know, so what follows it is not understood.
 */
export const PROXY_KEYWORDS: ReadonlySet<string> = new Set(
  `acl backlog balance bind bind-process capture clitcpka-cnt clitcpka-idle clitcpka-intvl compression cookie declare
  default-server default_backend description disabled dispatch dynamic-cookie-key email-alert enabled error-log-format
  errorfile errorfiles errorloc errorloc302 errorloc303 external-check filter filter-sequence force-be-switch
  force-persist fullconn grace guid hash-balance-factor hash-preserve-affinity hash-type http-after-response http-check
  http-error http-request http-response http-reuse http-send-name-header id ignore-persist load-server-state-from-file
  log log-format log-format-sd log-steps log-tag max-keep-alive-queue max-session-srv-conns maxconn mode monitor
  monitor-net monitor-uri option persist quic-initial rate-limit redirect retries retry-on server
  server-state-file-name server-template source srvtcpka-cnt srvtcpka-idle srvtcpka-intvl stats stick stick-table
  tcp-check tcp-request tcp-response timeout transparent unique-id-format unique-id-header use-fcgi-app use-server
  use_backend`.split(/\s+/),
);
