{{/* Names, labels and metadata of every object. */}}

{{- define "pganalytics.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 36 | trimSuffix "-" -}}
{{- end -}}

{{/* At most 36 characters. With its suffix, the name of a StatefulSet may have 52 characters, because a label of its pods contains the name and a hash. */}}
{{- define "pganalytics.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 36 | trimSuffix "-" -}}
{{- else if contains (include "pganalytics.name" .) .Release.Name -}}
{{- .Release.Name | trunc 36 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "pganalytics.name" .) | trunc 36 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* The selector labels of a component's pods. They contain no version, because Kubernetes allows no change of a selector. Takes (list $ component). */}}
{{- define "pganalytics.selector" -}}
{{- $ := index . 0 -}}
app.kubernetes.io/name: {{ include "pganalytics.name" $ }}
app.kubernetes.io/instance: {{ $.Release.Name }}
{{- with index . 1 }}
app.kubernetes.io/component: {{ . }}
{{- end }}
{{- end -}}

{{/* All labels of an object. Takes (list $ component). */}}
{{- define "pganalytics.labels" -}}
{{- $ := index . 0 -}}
{{ include "pganalytics.selector" . }}
app.kubernetes.io/version: {{ $.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: pganalytics
app.kubernetes.io/managed-by: {{ $.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $.Chart.Name ($.Chart.Version | replace "+" "_") }}
{{- with $.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Labels of a pod. They contain no chart version, so a new chart version alone restarts no pod. Takes (list $ component). */}}
{{- define "pganalytics.podLabels" -}}
{{- $ := index . 0 -}}
{{ include "pganalytics.selector" . }}
app.kubernetes.io/version: {{ $.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: pganalytics
{{- with $.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* metadata of an object in the release's namespace. Takes (list $ name component [annotations]). */}}
{{- define "pganalytics.metadata" -}}
{{- $ := index . 0 -}}
{{- $annotations := dict -}}
{{- if gt (len .) 3 -}}{{- $annotations = index . 3 -}}{{- end -}}
{{- $annotations = merge (dict) (default (dict) $annotations) $.Values.commonAnnotations -}}
metadata:
  name: {{ index . 1 }}
  namespace: {{ $.Release.Namespace }}
  labels: {{- include "pganalytics.labels" (list $ (index . 2)) | nindent 4 }}
  {{- with $annotations }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}

{{/* The name of a component's service account. Takes (list $ settings default). */}}
{{- define "pganalytics.serviceAccount" -}}
{{- $settings := index . 1 -}}
{{- if $settings.create -}}
{{- default (printf "%s-%s" (include "pganalytics.fullname" (index . 0)) (index . 2)) $settings.name -}}
{{- else -}}
{{- default "default" $settings.name -}}
{{- end -}}
{{- end -}}

{{/* The storage class of a claim, as a field; nothing for the cluster's default class. Takes (list $ class). */}}
{{- define "pganalytics.storageClass" -}}
{{- with default (index . 0).Values.global.storageClass (index . 1) -}}
storageClassName: {{ . | quote }}
{{- end -}}
{{- end -}}
