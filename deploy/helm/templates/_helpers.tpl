{{- define "lockkeeper.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 53 | trimSuffix "-" }}
{{- end }}

{{- define "lockkeeper.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 53 | trimSuffix "-" }}
{{- else if contains (include "lockkeeper.name" .) .Release.Name }}
{{- .Release.Name | trunc 53 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "lockkeeper.name" .) | trunc 53 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "lockkeeper.selector" -}}
app.kubernetes.io/name: {{ include "lockkeeper.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "lockkeeper.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{ include "lockkeeper.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "lockkeeper.serviceAccount" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "lockkeeper.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "lockkeeper.image" -}}
{{- if .Values.image.digest }}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest }}
{{- else }}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) }}
{{- end }}
{{- end }}

{{- define "lockkeeper.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "lockkeeper.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{- /* Whether more than one pod is meant to run. */ -}}
{{- define "lockkeeper.many" -}}
{{- if eq .Values.database.kind "postgresql" }}
{{- if or (and .Values.autoscaling.enabled (gt (int .Values.autoscaling.minReplicas) 1)) (and (not .Values.autoscaling.enabled) (gt (int .Values.replicaCount) 1)) }}true{{ end }}
{{- end }}
{{- end }}

{{- /* The database's address, for the server and for the migration alike. */ -}}
{{- define "lockkeeper.databaseEnv" -}}
{{- if eq .Values.database.kind "postgresql" }}
- name: LOCKKEEPER_STORE_URL_FILE
  value: /run/secrets/database/url
{{- else }}
- name: LOCKKEEPER_STORE_PATH
  value: /var/lib/lockkeeper/lockkeeper.db
{{- end }}
{{- end }}

{{- define "lockkeeper.databaseVolume" -}}
{{- if eq .Values.database.kind "postgresql" }}
- name: database
  secret:
    secretName: {{ .Values.database.postgresql.existingSecret | quote }}
    items:
      - key: {{ .Values.database.postgresql.urlKey | quote }}
        path: url
{{- end }}
{{- end }}

{{- define "lockkeeper.env" -}}
- name: LOCKKEEPER_SERVER_LISTEN
  value: ":8080"
- name: LOCKKEEPER_SERVER_CONTACT
  value: {{ .Values.contact | quote }}
- name: LOCKKEEPER_GITHUB_APP_ID
  value: {{ .Values.github.appId | int64 | quote }}
- name: LOCKKEEPER_GITHUB_PRIVATE_KEY_FILE
  value: /run/secrets/github/private-key
- name: LOCKKEEPER_GITHUB_WEBHOOK_SECRET_FILE
  value: /run/secrets/github/webhook-secret
- name: LOCKKEEPER_GITHUB_REPOSITORIES
  value: {{ .Values.github.repositories | quote }}
{{- if .Values.pages.publicUrl }}
- name: LOCKKEEPER_SERVER_PUBLIC_URL
  value: {{ .Values.pages.publicUrl | quote }}
- name: LOCKKEEPER_GITHUB_CLIENT_ID
  value: {{ .Values.pages.clientId | quote }}
- name: LOCKKEEPER_GITHUB_CLIENT_SECRET_FILE
  value: /run/secrets/github/client-secret
{{- end }}
{{- with .Values.github.apiUrl }}
- name: LOCKKEEPER_GITHUB_API_URL
  value: {{ . | quote }}
{{- end }}
{{- if .Values.github.existingCAConfigMap }}
- name: LOCKKEEPER_GITHUB_CA_FILE
  value: /etc/lockkeeper/ca/ca.pem
{{- end }}
- name: LOCKKEEPER_CACHE_DIR
  value: /var/cache/lockkeeper
- name: LOCKKEEPER_CACHE_MEGABYTES
  value: {{ .Values.cache.megabytes | int | quote }}
- name: LOCKKEEPER_LOG_LEVEL
  value: {{ .Values.log.level | quote }}
- name: LOCKKEEPER_LOG_FORMAT
  value: {{ .Values.log.format | quote }}
{{- if .Values.metrics.enabled }}
- name: LOCKKEEPER_METRICS_LISTEN
  value: ":9090"
- name: LOCKKEEPER_METRICS_PROFILES
  value: {{ .Values.metrics.profiles | quote }}
{{- end }}
{{- with .Values.tracing.endpoint }}
- name: LOCKKEEPER_TRACING_ENDPOINT
  value: {{ . | quote }}
- name: LOCKKEEPER_TRACING_PERCENT
  value: {{ $.Values.tracing.percent | int64 | quote }}
{{- end }}
{{- include "lockkeeper.databaseEnv" . }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}
