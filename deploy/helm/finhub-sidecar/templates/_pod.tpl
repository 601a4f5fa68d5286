{{/*
What a pod with the sidecar is made of. Each template takes this chart's own context: `.` in here, in a chart that depends on this one
(index .Subcharts "finhub-sidecar"). README.md shows a whole pod.
*/}}

{{/* Labels of the pod: PodMonitor and NetworkPolicy go by them. */}}
{{- define "finhub-sidecar.podLabels" -}}
finhub.cloud/sidecar: {{ include "finhub-sidecar.fullname" . }}
{{- end }}

{{/* Annotations of the pod: another configuration rolls it. */}}
{{- define "finhub-sidecar.podAnnotations" -}}
finhub.cloud/config-digest: {{ sha256sum .Values.config }}
{{- end }}

{{/* The pod's security context: lets the sidecar read its Secret, which nobody else may. */}}
{{- define "finhub-sidecar.podSecurityContext" -}}
fsGroup: 10001
fsGroupChangePolicy: OnRootMismatch
{{- end }}

{{/* The variables of your program's container. */}}
{{- define "finhub-sidecar.appEnv" -}}
- name: FINHUB_BASE_URL
  value: http://127.0.0.1:{{ .Values.ports.listen }}
{{- end }}

{{/*
One element of the pod's initContainers. The kubelet starts it first, waits for its startup probe, and ends it after every other container.
*/}}
{{- define "finhub-sidecar.container" -}}
- name: finhub-sidecar
  {{- if .Values.image.digest }}
  image: {{ printf "%s@%s" .Values.image.repository .Values.image.digest }}
  {{- else }}
  image: {{ printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) }}
  {{- end }}
  imagePullPolicy: {{ .Values.image.pullPolicy | default "IfNotPresent" }}
  args: [run, --config, /etc/finhub-sidecar/sidecar.toml]
  restartPolicy: Always
  env:
    - name: FINHUB_LISTEN__ADDRESS
      value: 127.0.0.1:{{ .Values.ports.listen }}
    - name: FINHUB_ADMIN__ADDRESS # the kubelet and Prometheus ask the pod's address; page, status and controls answer loopback only
      value: 0.0.0.0:{{ .Values.ports.admin }}
  ports:
    - name: finhub-admin
      containerPort: {{ .Values.ports.admin }}
  startupProbe: # the listeners and the identity stand; it never waits for a login, which a restart would repeat
    httpGet: { path: /startupz, port: finhub-admin }
    periodSeconds: 1
    failureThreshold: 30
  livenessProbe:
    httpGet: { path: /livez, port: finhub-admin }
    timeoutSeconds: 3
  readinessProbe: # a token is alive, the identity in date, no drain
    httpGet: { path: /readyz, port: finhub-admin }
    periodSeconds: 5
    timeoutSeconds: 3
  resources:
    {{- toYaml .Values.resources | nindent 4 }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 10001
    runAsGroup: 10001
    readOnlyRootFilesystem: true
    allowPrivilegeEscalation: false
    capabilities: { drop: [ALL] }
    seccompProfile: { type: RuntimeDefault }
  volumeMounts:
    - { name: finhub-config, mountPath: /etc/finhub-sidecar, readOnly: true }
    - { name: finhub-secrets, mountPath: /run/secrets/finhub, readOnly: true }
{{- end }}

{{/* Two elements of the pod's volumes. */}}
{{- define "finhub-sidecar.volumes" -}}
- name: finhub-config
  configMap:
    name: {{ include "finhub-sidecar.fullname" . }}
- name: finhub-secrets
  secret:
    secretName: {{ .Values.secretName }}
    defaultMode: 0440
{{- end }}
