{{/* The alerts, as a list in YAML. docs/reliability.md has a row for each, with the same expression but
for the namespace, severity and duration; a test holds the two against each other. */}}
{{- define "safelight.alerts" -}}
{{- $here := printf "namespace=%q" .Release.Namespace -}}
{{- $kubectl := printf "kubectl -n %s" .Release.Namespace -}}
{{- $operator := include "safelight.name" (dict "root" . "unit" "operator") -}}
{{- $api := include "safelight.name" (dict "root" . "unit" "api") -}}
{{- /* The first value of a series is no increase, and a counter has a label's series only once it has
counted: `unless` finds those that are new. */ -}}
{{- $failed := printf "safelight_uploads_total{%s,result=\"failed\",reason!~\"UnsupportedFormat|CorruptImage|ImageTooLarge\"}" $here -}}
{{- $alarming := printf "safelight_sweeps_total{%s,result=\"alarming\"}" $here -}}
- name: SafelightUploadsStalled
  severity: critical
  for: 5m
  expression: sum by (reason) (safelight_uploads_stalled{ {{- $here -}} }) > 0
  summary: {{ `an administrator is needed ({{ $labels.reason }})` }}
  description: >-
    {{ `{{ $value }} uploads cannot go on: {{ $labels.reason }}.` }} The runbook says where to look for this reason;
    `{{ $kubectl }} get imgup -o wide` shows which uploads, `{{ $kubectl }} get events --field-selector type=Warning`
    what the cluster said. They go on by themselves once the cause is gone.
- name: SafelightNoLeader
  severity: critical
  for: 2m
  expression: (sum(safelight_leader{ {{- $here -}} }) or vector(0)) < 1
  summary: nobody works on uploads
  description: >-
    No operator leads, or none is scraped. `{{ $kubectl }} get lease,pods -l app.kubernetes.io/component=operator`,
    then the log of a pod that is not ready: a wrong setting is named there. If a pod leads, look at the scraping:
    the PodMonitor, and networkPolicy.metrics.from.
- name: SafelightApiAbsent
  severity: critical
  for: 2m
  expression: absent(safelight_cache_synced{ {{- $here -}} })
  summary: no API pod answers the scraper
  description: >-
    Clients are without service, or no API pod is scraped. `{{ $kubectl }} get pods -l app.kubernetes.io/component=api`,
    then `{{ $kubectl }} logs deployment/{{ $api }}`. If a pod is ready, look at the scraping: the PodMonitor, and
    networkPolicy.metrics.from.
- name: SafelightBytesLost
  severity: critical
  for: 1m
  expression: max(safelight_records_without_objects{ {{- $here -}} }) > 0
  summary: images have lost their bytes
  description: >-
    Objects of {{ `{{ $value }}` }} images are missing in the bucket or have changed; those images answer 500. Find
    who deletes there (people, a lifecycle rule) and stop that first; then restore the objects from a backup, or delete
    the images. `{{ $kubectl }} logs deployment/{{ $operator }}` names them: "Image without its object".
- name: SafelightSweepAlarming
  severity: critical
  for: 0m
  expression: {{ printf "sum(increase(%s[3h]) > 0 or %s unless last_over_time(%s[3h] offset 3h)) > 0" $alarming $alarming $alarming | squote }}
  summary: much seems to be left over in the bucket
  description: >-
    Objects of more of the ids than operator.sweepMaxShare have no resource: somebody has deleted resources, a definition
    or the namespace, or etcd was lost. Leave the bucket alone, everything can be rebuilt from it; nothing is removed
    meanwhile. Look whether the resources are still there: `{{ $kubectl }} get imageuploads,availableimages`.
- name: SafelightUploadsWait
  severity: warning
  for: 1m
  expression: max(safelight_oldest_pending_seconds{ {{- $here -}} }) > 600
  summary: {{ `an upload has waited for {{ humanizeDuration $value }}` }}
  description: >-
    If SafelightUploadsStalled fires too, begin there. If safelight_jobs_active is at safelight_jobs_limit, there is
    more to do than the cluster can: add nodes, or raise limits.maxConcurrentJobs. Else
    `{{ $kubectl }} logs deployment/{{ $operator }}`.
- name: SafelightGoodFilesFail
  severity: warning
  for: 0m
  expression: {{ printf "sum by (reason) (increase(%s[15m]) > 0 or %s unless last_over_time(%s[15m] offset 15m)) > 0" $failed $failed $failed | squote }}
  summary: {{ `good files fail ({{ $labels.reason }})` }}
  description: >-
    The cluster is at fault, not the files. `{{ $kubectl }} get events --field-selector type=Warning` has what the
    processor said. Mend that; then retry what has failed, all with one command of the runbook.
- name: SafelightClientsRefused
  severity: warning
  for: 5m
  expression: sum by (code) (rate(safelight_http_requests_total{ {{- $here -}} ,code=~"429|5.."}[5m])) > 0
  summary: {{ `clients are refused with {{ $labels.code }}` }}
  description: >-
    429: limits.maxPending, or one client's limits.maxPendingPerToken, is reached; see SafelightUploadsWait. 503: the API
    cannot reach Kubernetes or the object storage, `{{ $kubectl }} logs deployment/{{ $api }}` says which. 500: an image
    has lost its bytes (SafelightBytesLost), or a fault of ours.
- name: SafelightApiLate
  severity: warning
  for: 2m
  expression: >-
    max(safelight_watch_last_event_seconds{ {{- $here -}} }) > 120 or
    min(safelight_cache_synced{ {{- $here -}} }) < 1
  summary: the API sees the cluster late
  description: >-
    Polls are answered with what was known. The API server is down or slow, and the watch repairs itself once it
    answers. `{{ $kubectl }} rollout restart deployment/{{ $api }}` loses nothing.
- name: SafelightWatchDead
  severity: warning
  for: 0m
  expression: max(max_over_time(safelight_watch_overdue_seconds{ {{- $here -}} }[15m])) > 150
  summary: a watch of the operator is dead
  description: >-
    The liveness probe ends the process, and its log says why: `{{ $kubectl }} logs deployment/{{ $operator }} --previous`
    (Not alive). If that repeats, the API server is slow, or a proxy in between swallows watches.
- name: SafelightJobsRefused
  severity: warning
  for: 1h
  expression: max(safelight_jobs_limit{ {{- $here -}} }) < {{ int64 .Values.limits.maxConcurrentJobs }}
  summary: the cluster refuses Jobs
  description: >-
    Only {{ `{{ $value }}` }} Jobs run at once: a quota, or an API server that answers 429;
    `{{ $kubectl }} logs deployment/{{ $operator }}` says which, `{{ $kubectl }} describe resourcequota` how full a quota
    is. The limit grows back by itself.
- name: SafelightUnreadable
  severity: warning
  for: 15m
  expression: max by (kind) (safelight_unreadable_objects{ {{- $here -}} }) > 0
  summary: {{ `objects cannot be read, and are set aside ({{ $labels.kind }})` }}
  description: >-
    {{ `{{ $value }} objects of the kind {{ $labels.kind }} cannot be read.` }} Nothing is done with them until they
    change; all others go on. `{{ $kubectl }} get events --field-selector reason=Unreadable` names them, and the runbook
    says how to mend them.
- name: SafelightManyImages
  severity: warning
  for: 1h
  expression: max(safelight_available_images{ {{- $here -}} }) > 80000
  summary: {{ `there are {{ $value }} images, and 100000 are supported` }}
  description: >-
    Each is a row in etcd for ever. Delete old ones, or take further ones into another cluster.
- name: SafelightLeftovers
  severity: info
  for: 1h
  expression: >-
    max by (kind) (safelight_orphan_objects{ {{- $here -}} }) >
    max by (kind) (safelight_orphan_objects{ {{- $here -}} } offset 1d)
  summary: {{ `more is left over in the bucket than a day ago ({{ $labels.kind }})` }}
  description: >-
    {{ `{{ $value }}` }} objects that no resource needs. They cost space and nothing else; operator.sweep=delete removes
    them, but for those of kind foreign, whose keys are none of ours.
{{- end -}}
