{{- /* The pod of both kinds of workload. */ -}}
{{- define "lockkeeper.pod" -}}
metadata:
  labels:
    {{- include "lockkeeper.labels" . | nindent 4 }}
    app.kubernetes.io/component: server
    {{- with .Values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    checksum/config: {{ .Values.extraConfig | sha256sum }}
    {{- with .Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "lockkeeper.serviceAccount" . }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  {{- with .Values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  securityContext:
    {{- include "lockkeeper.podSecurity" . | nindent 4 }}
  terminationGracePeriodSeconds: {{ .Values.terminationGracePeriodSeconds }}
  containers:
    - name: lockkeeper
      image: {{ include "lockkeeper.image" . | quote }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      args:
        - serve
        {{- if .Values.extraConfig }}
        - --config=/etc/lockkeeper/config/lockkeeper.toml
        {{- end }}
      env:
        {{- include "lockkeeper.env" . | nindent 8 }}
      ports:
        - name: http
          containerPort: 8080
        {{- if .Values.metrics.enabled }}
        - name: metrics
          containerPort: 9090
        {{- end }}
      securityContext:
        {{- include "lockkeeper.containerSecurity" . | nindent 8 }}
      # Tables may be brought up to date first.
      startupProbe:
        httpGet: { path: /healthz, port: http }
        periodSeconds: 2
        failureThreshold: 150
      livenessProbe:
        httpGet: { path: /healthz, port: http }
        periodSeconds: 20
        timeoutSeconds: 5
        failureThreshold: 3
      readinessProbe:
        httpGet: { path: /readyz, port: http }
        periodSeconds: 10
        timeoutSeconds: 6
        failureThreshold: 3
      lifecycle:
        # Until the endpoints have forgotten this pod.
        preStop: { sleep: { seconds: 5 } }
      resources:
        {{- toYaml .Values.resources | nindent 8 }}
      volumeMounts:
        - { name: github, mountPath: /run/secrets/github, readOnly: true }
        {{- if eq .Values.database.kind "postgresql" }}
        - { name: database, mountPath: /run/secrets/database, readOnly: true }
        {{- else }}
        - { name: data, mountPath: /var/lib/lockkeeper }
        {{- end }}
        - { name: cache, mountPath: /var/cache/lockkeeper }
        - { name: tmp, mountPath: /tmp }
        {{- if .Values.extraConfig }}
        - { name: config, mountPath: /etc/lockkeeper/config, readOnly: true }
        {{- end }}
        {{- if .Values.github.existingCAConfigMap }}
        - { name: ca, mountPath: /etc/lockkeeper/ca, readOnly: true }
        {{- end }}
        {{- with .Values.extraVolumeMounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
  volumes:
    - name: github
      secret:
        secretName: {{ .Values.github.existingSecret | quote }}
        items:
          - key: {{ .Values.github.privateKeyKey | quote }}
            path: private-key
          - key: {{ .Values.github.webhookSecretKey | quote }}
            path: webhook-secret
          {{- if .Values.pages.publicUrl }}
          - key: {{ .Values.pages.clientSecretKey | quote }}
            path: client-secret
          {{- end }}
    {{- include "lockkeeper.databaseVolume" . | nindent 4 }}
    {{- if and (eq .Values.database.kind "sqlite") .Values.database.sqlite.existingClaim }}
    - name: data
      persistentVolumeClaim:
        claimName: {{ .Values.database.sqlite.existingClaim | quote }}
    {{- end }}
    - name: cache
      emptyDir:
        sizeLimit: {{ .Values.cache.sizeLimit | quote }}
    - name: tmp
      emptyDir:
        sizeLimit: 1Gi
    {{- if .Values.extraConfig }}
    - name: config
      configMap:
        name: {{ include "lockkeeper.fullname" . }}
    {{- end }}
    {{- if .Values.github.existingCAConfigMap }}
    - name: ca
      configMap:
        name: {{ .Values.github.existingCAConfigMap | quote }}
        items:
          - key: {{ .Values.github.caKey | quote }}
            path: ca.pem
    {{- end }}
    {{- with .Values.extraVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- with .Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if .Values.topologySpreadConstraints }}
  topologySpreadConstraints:
    {{- toYaml .Values.topologySpreadConstraints | nindent 4 }}
  {{- else if include "lockkeeper.many" . }}
  topologySpreadConstraints:
    - maxSkew: 1
      topologyKey: kubernetes.io/hostname
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "lockkeeper.selector" . | nindent 10 }}
          app.kubernetes.io/component: server
  {{- end }}
  {{- with .Values.priorityClassName }}
  priorityClassName: {{ . | quote }}
  {{- end }}
{{- end }}
