{{/* A number as digits: values are JSON, where 1000000 is a float that would print as 1e+06. */}}
{{- define "condensery.scalar" -}}
{{- if and (kindIs "float64" .) (eq . (floor .)) -}}{{ . | int64 }}{{- else -}}{{ . }}{{- end -}}
{{- end -}}

{{/* Threads for the model: what is asked for, else what the container is promised. */}}
{{- define "condensery.threads" -}}
{{- $resources := .Values.resources -}}
{{- if gt (.Values.engine.threads | int64) 0 -}}
value: {{ .Values.engine.threads | int64 | quote }}
{{- else if dig "limits" "cpu" "" $resources -}}
valueFrom:
  resourceFieldRef:
    containerName: condensery
    resource: limits.cpu
    divisor: "1"
{{- else if dig "requests" "cpu" "" $resources -}}
valueFrom:
  resourceFieldRef:
    containerName: condensery
    resource: requests.cpu
    divisor: "1"
{{- end -}}
{{- end -}}

{{- define "condensery.env" -}}
- name: CONDENSERY_HOST
  value: "0.0.0.0"
- name: CONDENSERY_PORT
  value: {{ .Values.ports.grpc | int64 | quote }}
- name: CONDENSERY_HEALTH_PORT
  value: {{ .Values.ports.health | int64 | quote }}
- name: CONDENSERY_METRICS_PORT
  value: {{ .Values.ports.metrics | int64 | quote }}
- name: CONDENSERY_DEVICE
  value: {{ .Values.device }}
- name: CONDENSERY_LOG_LEVEL
  value: {{ .Values.logLevel }}
- name: CONDENSERY_DRAIN_SECONDS
  value: {{ .Values.shutdown.drainSeconds | int64 | quote }}
{{- with include "condensery.threads" . }}
- name: CONDENSERY_THREADS
  {{- . | nindent 2 }}
# OpenMP reads its own name, and may do so before the server has a chance to say otherwise.
- name: OMP_NUM_THREADS
  {{- . | nindent 2 }}
{{- end }}
- name: OMP_WAIT_POLICY
  value: PASSIVE
{{- if .Values.engine.batchTokens }}
- name: CONDENSERY_BATCH_TOKENS
  value: {{ .Values.engine.batchTokens | int64 | quote }}
{{- end }}
{{- if .Values.engine.maxQueuedTokens }}
- name: CONDENSERY_MAX_QUEUED_TOKENS
  value: {{ .Values.engine.maxQueuedTokens | int64 | quote }}
{{- end }}
{{- include "condensery.secretEnv" . }}
{{- include "condensery.dataEnv" . }}
{{- range $name, $value := .Values.settings }}
- name: CONDENSERY_{{ upper $name }}
  value: {{ include "condensery.scalar" $value | quote }}
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Secrets are files: an environment variable ends up in crash reports and child processes. */}}
{{- define "condensery.secretEnv" -}}
{{- if .Values.auth.existingSecret }}
- name: CONDENSERY_AUTH_TOKENS_FILE
  value: /etc/condensery/auth/tokens
{{- end }}
{{- if .Values.tls.existingSecret }}
- name: CONDENSERY_TLS_CERT_FILE
  value: /etc/condensery/tls/tls.crt
- name: CONDENSERY_TLS_KEY_FILE
  value: /etc/condensery/tls/tls.key
{{- end }}
{{- if .Values.tls.clientCA.existingSecret }}
- name: CONDENSERY_TLS_CLIENT_CA_FILE
  value: /etc/condensery/client-ca/ca.crt
{{- end }}
{{- if .Values.llm.baseUrl }}
- name: CONDENSERY_LLM_BASE_URL
  value: {{ .Values.llm.baseUrl | quote }}
{{- end }}
{{- if .Values.llm.model }}
- name: CONDENSERY_LLM_MODEL
  value: {{ .Values.llm.model | quote }}
{{- end }}
{{- if .Values.llm.apiKey.existingSecret }}
- name: CONDENSERY_LLM_API_KEY_FILE
  value: /etc/condensery/llm/api-key
{{- end }}
{{- end -}}

{{- define "condensery.dataEnv" -}}
{{- if .Values.models.exitCausalLm }}
- name: CONDENSERY_EXIT_CAUSAL_LM
  value: {{ .Values.models.exitCausalLm | quote }}
{{- end }}
{{- if .Values.models.exitLora }}
- name: CONDENSERY_EXIT_LORA
  value: {{ .Values.models.exitLora | quote }}
{{- end }}
{{- if .Values.models.llmlingua2 }}
- name: CONDENSERY_LLMLINGUA2_MODEL
  value: {{ .Values.models.llmlingua2 | quote }}
{{- end }}
{{- if .Values.models.encoder }}
- name: CONDENSERY_ENCODER_MODEL
  value: {{ .Values.models.encoder | quote }}
{{- end }}
{{- if .Values.models.summary }}
- name: CONDENSERY_SUMMARY_MODEL
  value: {{ .Values.models.summary | quote }}
{{- end }}
{{- if .Values.models.longllmlingua }}
- name: CONDENSERY_LONGLLMLINGUA_MODEL
  value: {{ .Values.models.longllmlingua | quote }}
{{- end }}
{{- if .Values.models.sat }}
- name: CONDENSERY_SAT_MODEL
  value: {{ .Values.models.sat | quote }}
{{- end }}
{{- if .Values.indexes.names }}
{{- $indexes := list }}
{{- range $name, $directory := .Values.indexes.names }}
{{- $indexes = append $indexes (printf "%s=%s/%s" $name (trimSuffix "/" $.Values.indexes.mountPath) $directory) }}
{{- end }}
- name: CONDENSERY_INDEXES
  value: {{ join "," $indexes | quote }}
{{- end }}
{{- end -}}
