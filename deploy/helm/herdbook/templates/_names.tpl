{{- define "herdbook.labels" -}}
app.kubernetes.io/name: herdbook
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}
