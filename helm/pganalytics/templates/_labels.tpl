{{/* Labels, annotations and metadata. */}}

{{/* The selector labels of a component's pods. They contain no version, because Kubernetes allows no change of a selector. Takes (list $ component). */}}
{{- define "pganalytics.selector" -}}
{{- $ := index . 0 -}}
app.kubernetes.io/name: {{ include "pganalytics.name" $ | quote }}
app.kubernetes.io/instance: {{ $.Release.Name | quote }}
{{- with index . 1 }}
app.kubernetes.io/component: {{ . }}
{{- end }}
{{- end -}}

{{/* All labels of an object: the chart's, commonLabels, the object's own, and the selector labels, which nothing overrides. Takes (list $ component own). */}}
{{- define "pganalytics.labels" -}}
{{- $ := index . 0 -}}
{{- $chart := dict "app.kubernetes.io/version" ($.Chart.AppVersion | replace "+" "_") "app.kubernetes.io/part-of" "pganalytics" "app.kubernetes.io/managed-by" $.Release.Service "helm.sh/chart" (printf "%s-%s" $.Chart.Name $.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-") -}}
{{- $own := dict -}}
{{- if gt (len .) 2 -}}{{- $own = default dict (index . 2) -}}{{- end -}}
{{- include "pganalytics.union" (list $chart $.Values.commonLabels $own (include "pganalytics.selector" . | fromYaml)) -}}
{{- end -}}

{{/* Labels of a pod. They contain no version, so a new chart version alone restarts no pod. Takes (list $ component own). */}}
{{- define "pganalytics.podLabels" -}}
{{- $ := index . 0 -}}
{{- $own := dict -}}
{{- if gt (len .) 2 -}}{{- $own = default dict (index . 2) -}}{{- end -}}
{{- include "pganalytics.union" (list (dict "app.kubernetes.io/part-of" "pganalytics") $.Values.commonLabels $own (include "pganalytics.selector" . | fromYaml)) -}}
{{- end -}}

{{/* metadata of an object. The namespace is the release's; "-" stands for none. Takes (list $ name component [annotations [labels [namespace]]]). */}}
{{- define "pganalytics.metadata" -}}
{{- $ := index . 0 -}}
{{- $annotations := dict -}}
{{- $labels := dict -}}
{{- $namespace := (include "pganalytics.namespace" $) -}}
{{- if gt (len .) 3 -}}{{- $annotations = default dict (index . 3) -}}{{- end -}}
{{- if gt (len .) 4 -}}{{- $labels = default dict (index . 4) -}}{{- end -}}
{{- if gt (len .) 5 -}}{{- $namespace = default $namespace (index . 5) -}}{{- end -}}
metadata:
  name: {{ index . 1 | quote }}
  {{- if ne $namespace "-" }}
  namespace: {{ $namespace | quote }}
  {{- end }}
  labels: {{- include "pganalytics.labels" (list $ (index . 2) $labels) | nindent 4 }}
  {{- with include "pganalytics.union" (list $.Values.commonAnnotations $annotations) }}
  annotations: {{- . | nindent 4 }}
  {{- end }}
{{- end -}}
