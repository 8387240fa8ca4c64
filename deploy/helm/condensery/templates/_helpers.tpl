{{- define "condensery.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{/* At most 50 characters, so that "-headless" and a pod's own suffix still fit into 63. */}}
{{- define "condensery.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- $name := include "condensery.name" . -}}
{{- ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "condensery.serviceAccountName" -}}
{{- default (ternary (include "condensery.fullname" .) "default" .Values.serviceAccount.create) .Values.serviceAccount.name -}}
{{- end -}}

{{/* The Deployment's selector is immutable: nothing here may ever depend on a version. */}}
{{- define "condensery.selectorLabels" -}}
app.kubernetes.io/name: {{ include "condensery.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "condensery.commonLabels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: condensery
{{- end -}}

{{- define "condensery.labels" -}}
{{ include "condensery.selectorLabels" . }}
{{ include "condensery.commonLabels" . }}
{{- end -}}

{{/* Other names than the server's pods have, or the Services would send calls to the test. */}}
{{- define "condensery.testLabels" -}}
app.kubernetes.io/name: {{ include "condensery.name" . }}-test
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "condensery.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- $suffix := ternary "-cuda" "" (eq .Values.device "cuda") -}}
{{- printf "%s:%s" .Values.image.repository (default (printf "%s%s" .Chart.AppVersion $suffix) .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{- define "condensery.appProtocol" -}}
{{- default (ternary "https" "kubernetes.io/h2c" (ne .Values.tls.existingSecret "")) .Values.service.appProtocol -}}
{{- end -}}

{{- define "condensery.autoscaled" -}}
{{- if or .Values.autoscaling.hpa.enabled .Values.autoscaling.keda.enabled -}}true{{- end -}}
{{- end -}}

{{/* Which series in Prometheus are this release's: labels that the operator gives a target. */}}
{{- define "condensery.series" -}}
namespace="{{ .Release.Namespace }}",service="{{ include "condensery.fullname" . }}"
{{- end -}}

{{- define "condensery.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
# The group that mounted secrets and claims belong to.
fsGroup: 10001
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "condensery.securityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities:
  drop: [ALL]
{{- end -}}

{{- define "condensery.scaleBehavior" -}}
scaleUp:
  stabilizationWindowSeconds: 0
  selectPolicy: Max
  policies:
    - type: Percent
      value: 100
      periodSeconds: 30
    - type: Pods
      value: 2
      periodSeconds: 30
# Slowly: a new pod is cold for a while, and queries come in waves.
scaleDown:
  stabilizationWindowSeconds: {{ .Values.autoscaling.scaleDownStabilizationSeconds | int64 }}
  selectPolicy: Min
  policies:
    - type: Percent
      value: 25
      periodSeconds: 60
    - type: Pods
      value: 1
      periodSeconds: 60
{{- end -}}

{{/* The port of llm.baseUrl: the one that is written there, or its scheme's. */}}
{{- define "condensery.llmPort" -}}
{{- $url := urlParse .Values.llm.baseUrl -}}
{{- $written := regexFind ":[0-9]+$" $url.host | trimPrefix ":" -}}
{{- default (ternary "443" "80" (eq $url.scheme "https")) $written -}}
{{- end -}}

{{/* What the schema cannot say. */}}
{{- define "condensery.check" -}}
{{- $v := .Values -}}
{{- if and $v.autoscaling.hpa.enabled $v.autoscaling.keda.enabled -}}
{{- fail "autoscaling.hpa and autoscaling.keda are both enabled: KEDA makes its own HPA and the two would fight" -}}
{{- end -}}
{{- if gt ($v.autoscaling.minReplicas | int64) ($v.autoscaling.maxReplicas | int64) -}}
{{- fail (printf "autoscaling.minReplicas %v is more than maxReplicas %v" $v.autoscaling.minReplicas $v.autoscaling.maxReplicas) -}}
{{- end -}}
{{- if and (eq $v.device "cuda") (eq ($v.gpu.count | int64) 0) (not $v.gpu.resourceClaims) -}}
{{- fail "device is cuda, but gpu.count is 0 and gpu.resourceClaims is empty" -}}
{{- end -}}
{{- if and $v.tls.clientCA.existingSecret (not $v.tls.existingSecret) -}}
{{- fail "tls.clientCA.existingSecret needs tls.existingSecret" -}}
{{- end -}}
{{- if and $v.llm.apiKey.existingSecret (not $v.llm.baseUrl) -}}
{{- fail "llm.apiKey.existingSecret needs llm.baseUrl" -}}
{{- end -}}
{{- if and $v.llm.baseUrl (not $v.llm.model) -}}
{{- fail "llm.baseUrl needs llm.model" -}}
{{- end -}}
{{- if and $v.models.exitLora (not $v.models.exitCausalLm) -}}
{{- fail "models.exitLora needs models.exitCausalLm" -}}
{{- end -}}
{{- if and $v.indexes.names (not $v.indexes.existingClaim) -}}
{{- fail "indexes.names needs indexes.existingClaim" -}}
{{- end -}}
{{- if and (eq ($v.strategy.maxSurge | toString) "0") (eq ($v.strategy.maxUnavailable | toString) "0") -}}
{{- fail "strategy.maxSurge and strategy.maxUnavailable are both 0: nothing could ever roll out" -}}
{{- end -}}
{{- $startup := mul $v.probes.startup.periodSeconds $v.probes.startup.failureThreshold -}}
{{- if le ($v.progressDeadlineSeconds | int64) $startup -}}
{{- fail (printf "progressDeadlineSeconds %v must be more than the %v seconds that the startup probe allows" $v.progressDeadlineSeconds $startup) -}}
{{- end -}}
{{- end -}}
