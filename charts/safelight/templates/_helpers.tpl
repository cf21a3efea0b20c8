{{/* The name that all objects start with. */}}
{{- define "safelight.fullname" -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{/* Name of a unit's objects; takes (dict "root" $ "unit" "api"). */}}
{{- define "safelight.name" -}}
{{- include "safelight.fullname" .root }}-{{ .unit -}}
{{- end -}}

{{/* Labels that tell a unit's pods from all others. */}}
{{- define "safelight.selectorLabels" -}}
app.kubernetes.io/name: safelight
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .unit }}
{{- end -}}

{{- define "safelight.labels" -}}
{{ include "safelight.selectorLabels" . }}
app.kubernetes.io/part-of: safelight
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* Labels of the Jobs' pods, as the operator sets them. */}}
{{- define "safelight.processorLabels" -}}
app.kubernetes.io/component: processor
app.kubernetes.io/part-of: safelight
app.kubernetes.io/managed-by: safelight-operator
{{- end -}}

{{/* The values without a sensible default: fails with all that are missing, in one message. */}}
{{- define "safelight.checkRequired" -}}
{{- $missing := list -}}
{{- if not .Values.image.registry -}}
{{- $missing = append $missing "image.registry: the images are not published. Build them from the repository's Dockerfiles, push them to a registry of yours, and name it here" -}}
{{- end -}}
{{- if not .Values.objectStorage.endpoint -}}
{{- $missing = append $missing "objectStorage.endpoint: the URL of the S3 server, as nodes and pods reach it" -}}
{{- end -}}
{{- if not .Values.objectStorage.bucket -}}
{{- $missing = append $missing "objectStorage.bucket: the bucket that holds originals and images" -}}
{{- end -}}
{{- if not .Values.objectStorage.existingSecret -}}
{{- $missing = append $missing "objectStorage.existingSecret: a Secret with the keys access-key-id and secret-access-key" -}}
{{- end -}}
{{- if not .Values.tokens.existingSecret -}}
{{- $missing = append $missing "tokens.existingSecret: a Secret with one entry for each client, its content the SHA-256 of the client's token" -}}
{{- end -}}
{{- if and .Values.api.ingress.enabled (not .Values.api.ingress.host) -}}
{{- $missing = append $missing "api.ingress.host: the host name that clients use, since the Ingress is enabled" -}}
{{- end -}}
{{- if $missing -}}
{{- fail (printf "\n\nThese values must be set:\n- %s\n" (join "\n- " $missing)) -}}
{{- end -}}
{{- end -}}

{{/* A unit's image; takes (dict "root" $ "image" .Values.api.image). The digest wins over any tag. */}}
{{- define "safelight.image" -}}
{{- $name := printf "%s/%s" (trimSuffix "/" .root.Values.image.registry) .image.repository -}}
{{- if .image.digest -}}
{{ $name }}@{{ .image.digest }}
{{- else -}}
{{ $name }}:{{ .image.tag | default .root.Values.image.tag | default .root.Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{/* Variables that the API and the operator share. */}}
{{- define "safelight.sharedEnv" -}}
{{- $storage := .Values.objectStorage -}}
- name: SAFELIGHT_NAMESPACE
  valueFrom:
    fieldRef:
      fieldPath: metadata.namespace
- name: SAFELIGHT_LOG_LEVEL
  value: {{ .Values.logLevel }}
- name: SAFELIGHT_S3_ENDPOINT
  value: {{ $storage.endpoint | quote }}
- name: SAFELIGHT_S3_BUCKET
  value: {{ $storage.bucket | quote }}
- name: SAFELIGHT_S3_REGION
  value: {{ $storage.region | quote }}
- name: SAFELIGHT_S3_ACCESS_KEY_ID
  valueFrom:
    secretKeyRef:
      name: {{ $storage.existingSecret }}
      key: access-key-id
- name: SAFELIGHT_S3_SECRET_ACCESS_KEY
  valueFrom:
    secretKeyRef:
      name: {{ $storage.existingSecret }}
      key: secret-access-key
{{- end -}}

{{/* A quantity of memory (`512Mi`, `1.5G`, `1e9`, or a number) in bytes, rounded down. */}}
{{- define "safelight.bytes" -}}
{{- $text := toString . -}}
{{- if not (kindIs "string" .) -}}
{{- int64 . -}}
{{- else if regexMatch "^[0-9.]+[eE][0-9]+$" $text -}}
{{- int64 (float64 $text) -}}
{{- else -}}
{{- $number := regexFind "^[0-9]+([.][0-9]+)?" $text -}}
{{- $unit := trimPrefix $number $text -}}
{{- $units := dict "" 1 "k" 1000 "M" 1000000 "G" 1000000000 "T" 1000000000000 "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 "Ti" 1099511627776 -}}
{{- if or (not $number) (not (hasKey $units $unit)) -}}
{{- fail (printf "%s is no quantity of memory such as 512Mi" $text) -}}
{{- end -}}
{{- mulf (float64 $number) (get $units $unit) | int64 -}}
{{- end -}}
{{- end -}}

{{/*
Bounds of the API over all connections together, as JSON: a part of its memory limit each (of 512Mi
if it has none), so that all of them at once leave a fifth of it free. docs/decisions/0040 has the sums.
*/}}
{{- define "safelight.bounds" -}}
{{- $limits := (.Values.api.resources).limits | default dict -}}
{{- $memory := include "safelight.bytes" ($limits.memory | default "512Mi") | int64 -}}
{{- $bounds := .Values.api.bounds -}}
{{- dict
  "connections" ($bounds.connections | default (min 100000 (max 16 (div $memory 524288))))
  "headBytes" ($bounds.headBytes | default (max 1048576 (div $memory 32)))
  "unreadBytes" ($bounds.unreadBytes | default (max 1048576 (div $memory 16)))
  "unsentBytes" ($bounds.unsentBytes | default (max 1048576 (div $memory 8)))
  | toJson -}}
{{- end -}}

{{/* Security of every pod and every container: Pod Security "restricted" and a read-only root. */}}
{{- define "safelight.podSecurityContext" -}}
runAsNonRoot: true
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "safelight.securityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{/* Metadata of a unit's pods; takes root, unit and values (of the unit). */}}
{{- define "safelight.podMetadata" -}}
labels:
  {{- include "safelight.labels" . | nindent 2 }}
  {{- with .values.podLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with .values.podAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* Where a unit's pods run; takes root, unit and values (of the unit). */}}
{{- define "safelight.scheduling" -}}
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with .values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
topologySpreadConstraints:
  {{- with .values.topologySpreadConstraints }}
  {{- toYaml . | nindent 2 }}
  {{- else }}
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "safelight.selectorLabels" . | nindent 8 }}
    matchLabelKeys: [pod-template-hash]
  {{- end }}
{{- end -}}

{{/* The recipe that every Job is told, as JSON. */}}
{{- define "safelight.recipe" -}}
{{- $recipe := dict "accepted" .Values.formats.accepted -}}
{{- range $key, $value := .Values.processor.recipe -}}
{{- $_ := set $recipe $key $value -}}
{{- end -}}
{{- toJson $recipe -}}
{{- end -}}

{{/* What the operator merges into the pod of every Job, as JSON. */}}
{{- define "safelight.processorPod" -}}
{{- $pod := dict -}}
{{- range $key := list "nodeSelector" "tolerations" "affinity" "runtimeClassName" "priorityClassName" -}}
{{- with get $.Values.processor $key -}}
{{- $_ := set $pod $key . -}}
{{- end -}}
{{- end -}}
{{- with .Values.image.pullSecrets -}}
{{- $secrets := list -}}
{{- range . -}}
{{- $secrets = append $secrets (dict "name" .) -}}
{{- end -}}
{{- $_ := set $pod "imagePullSecrets" $secrets -}}
{{- end -}}
{{- toJson $pod -}}
{{- end -}}

{{/* Connections to each inner port: 64, and fewer where the memory limit is small. Each takes up to
370 KiB (docs/settings.md), so that one port takes at most a sixteenth of the limit. The parameter is
the resources of a unit; without a limit in them it is 64. */}}
{{- define "safelight.innerConnections" -}}
{{- $memory := include "safelight.bytes" (((.).limits).memory | default "512Mi") | int64 -}}
{{- min 64 (max 8 (div $memory 6291456)) -}}
{{- end }}
