{{/* A PodMonitor, and not a ServiceMonitor: the API's Service does not show the port of its metrics,
the operator has no Service, and a pod that is not ready is worth a look too. Takes root, unit and
port (its name in the pod). */}}
{{- define "safelight.podMonitor" -}}
apiVersion: monitoring.coreos.com/v1
kind: PodMonitor
metadata:
  name: {{ include "safelight.name" . }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "safelight.labels" . | nindent 4 }}
    {{- with .root.Values.metrics.podMonitor.labels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  selector:
    matchLabels:
      {{- include "safelight.selectorLabels" . | nindent 6 }}
  podMetricsEndpoints:
    - port: {{ .port }}
      path: /metrics
      interval: {{ .root.Values.metrics.podMonitor.interval }}
{{- end -}}

{{/* Fails where a kind that was asked for is not in the cluster: without alerts nobody would learn
that there are none. A cluster that was asked tells its kinds; `helm template` asks none and knows
groups alone, so it renders what the values say. Takes root, kind and value (its switch). */}}
{{- define "safelight.checkMonitoring" -}}
{{- $versions := .root.Capabilities.APIVersions -}}
{{- if and ($versions.Has "v1/Pod") (not ($versions.Has (printf "monitoring.coreos.com/v1/%s" .kind))) -}}
{{- fail (printf "\n\n%s needs the kind %s (monitoring.coreos.com/v1), which this cluster does not have:\ninstall the Prometheus Operator or its custom resource definitions first, or leave the value false\n" .value .kind) -}}
{{- end -}}
{{- end -}}
