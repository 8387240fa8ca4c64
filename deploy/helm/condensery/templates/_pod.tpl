{{- define "condensery.podSpec" -}}
serviceAccountName: {{ include "condensery.serviceAccountName" . }}
automountServiceAccountToken: false
# A Service called "condensery" would otherwise put CONDENSERY_PORT=tcp://… and its like into every
# pod of the namespace, and the server refuses settings that it does not know.
enableServiceLinks: false
terminationGracePeriodSeconds: {{ add .Values.shutdown.preStopSeconds .Values.shutdown.drainSeconds .Values.shutdown.marginSeconds }}
securityContext:
  {{- include "condensery.podSecurityContext" . | nindent 2 }}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.runtimeClassName }}
runtimeClassName: {{ . }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.topologySpreadConstraints }}
topologySpreadConstraints:
  {{- range . }}
  {{- $own := dict "labelSelector" (dict "matchLabels" (include "condensery.selectorLabels" $ | fromYaml)) }}
  - {{- merge (deepCopy .) $own | toYaml | nindent 4 }}
  {{- end }}
{{- end }}
{{- if and (eq .Values.device "cuda") .Values.gpu.resourceClaims }}
resourceClaims:
  {{- toYaml .Values.gpu.resourceClaims | nindent 2 }}
{{- end }}
containers:
  - {{- include "condensery.container" . | nindent 4 }}
volumes:
  {{- include "condensery.volumes" . | nindent 2 }}
{{- end -}}

{{- define "condensery.container" -}}
name: condensery
image: {{ include "condensery.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
args: [serve]
securityContext:
  {{- include "condensery.securityContext" . | nindent 2 }}
env:
  {{- include "condensery.env" . | nindent 2 }}
ports:
  - name: grpc
    containerPort: {{ .Values.ports.grpc | int64 }}
  - name: health
    containerPort: {{ .Values.ports.health | int64 }}
  - name: metrics
    containerPort: {{ .Values.ports.metrics | int64 }}
# Kubernetes wants a number here; named ports do not work in gRPC probes.
startupProbe:
  grpc:
    port: {{ .Values.ports.health | int64 }}
    service: ""
  {{- toYaml .Values.probes.startup | nindent 2 }}
readinessProbe:
  grpc:
    port: {{ .Values.ports.health | int64 }}
    service: condensery.v1.CompressionService
  {{- toYaml .Values.probes.readiness | nindent 2 }}
livenessProbe:
  grpc:
    port: {{ .Values.ports.health | int64 }}
    service: liveness
  {{- toYaml .Values.probes.liveness | nindent 2 }}
{{- if .Values.shutdown.preStopSeconds }}
lifecycle:
  preStop:
    sleep:
      seconds: {{ .Values.shutdown.preStopSeconds | int64 }}
{{- end }}
resources:
  {{- include "condensery.resources" . | nindent 2 }}
volumeMounts:
  {{- include "condensery.volumeMounts" . | nindent 2 }}
{{- end -}}

{{- define "condensery.resources" -}}
{{- $resources := deepCopy .Values.resources -}}
{{- if eq .Values.device "cuda" -}}
{{- if .Values.gpu.resourceClaims -}}
{{- $claims := list -}}
{{- range .Values.gpu.resourceClaims -}}{{- $claims = append $claims (dict "name" .name) -}}{{- end -}}
{{- $_ := set $resources "claims" $claims -}}
{{- else -}}
{{- $gpu := dict .Values.gpu.resourceName (.Values.gpu.count | int64) -}}
{{- $_ := set $resources "limits" (merge $gpu (default dict $resources.limits)) -}}
{{- end -}}
{{- end -}}
{{- toYaml $resources -}}
{{- end -}}
