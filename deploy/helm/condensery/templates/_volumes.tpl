{{/* Whole directories, never subPath: only so does a rotated secret reach the running pod. */}}
{{- define "condensery.volumeMounts" -}}
- name: tmp
  mountPath: /tmp
- name: shm
  mountPath: /dev/shm
{{- if .Values.auth.existingSecret }}
- name: auth
  mountPath: /etc/condensery/auth
  readOnly: true
{{- end }}
{{- if .Values.tls.existingSecret }}
- name: tls
  mountPath: /etc/condensery/tls
  readOnly: true
{{- end }}
{{- if .Values.tls.clientCA.existingSecret }}
- name: client-ca
  mountPath: /etc/condensery/client-ca
  readOnly: true
{{- end }}
{{- if .Values.llm.apiKey.existingSecret }}
- name: llm
  mountPath: /etc/condensery/llm
  readOnly: true
{{- end }}
{{- if .Values.models.existingClaim }}
- name: models
  mountPath: {{ .Values.models.mountPath }}
  readOnly: true
{{- end }}
{{- if .Values.indexes.existingClaim }}
- name: indexes
  mountPath: {{ .Values.indexes.mountPath }}
  readOnly: true
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "condensery.volumes" -}}
- name: tmp
  emptyDir:
    sizeLimit: {{ .Values.tmp.sizeLimit }}
- name: shm
  emptyDir:
    medium: Memory
    sizeLimit: {{ .Values.shm.sizeLimit }}
{{- with .Values.auth }}
{{- if .existingSecret }}
{{ include "condensery.secretVolume" (dict "name" "auth" "secret" .existingSecret "items" (dict .key "tokens")) }}
{{- end }}
{{- end }}
{{- with .Values.tls }}
{{- if .existingSecret }}
{{ include "condensery.secretVolume" (dict "name" "tls" "secret" .existingSecret "items" (dict .certKey "tls.crt" .keyKey "tls.key")) }}
{{- end }}
{{- if .clientCA.existingSecret }}
{{ include "condensery.secretVolume" (dict "name" "client-ca" "secret" .clientCA.existingSecret "items" (dict .clientCA.key "ca.crt")) }}
{{- end }}
{{- end }}
{{- with .Values.llm.apiKey }}
{{- if .existingSecret }}
{{ include "condensery.secretVolume" (dict "name" "llm" "secret" .existingSecret "items" (dict .key "api-key")) }}
{{- end }}
{{- end }}
{{- range $name, $data := dict "models" .Values.models "indexes" .Values.indexes }}
{{- if $data.existingClaim }}
- name: {{ $name }}
  persistentVolumeClaim:
    claimName: {{ $data.existingClaim }}
    readOnly: true
{{- end }}
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "condensery.secretVolume" -}}
- name: {{ .name }}
  secret:
    secretName: {{ .secret }}
    # 0440: root and the fsGroup read.
    defaultMode: 288
    items:
    {{- range $key, $path := .items }}
      - key: {{ $key | quote }}
        path: {{ $path }}
    {{- end }}
{{- end -}}
