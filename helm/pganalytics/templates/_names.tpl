{{/* Names of objects. */}}

{{/* A name of at most so many characters. A longer name ends in a hash, so that two names with the same beginning differ. Takes (list name length). */}}
{{- define "pganalytics.cut" -}}
{{- $name := index . 0 -}}
{{- $length := int (index . 1) -}}
{{- if gt (len $name) $length -}}
{{- printf "%s-%s" ($name | trunc (int (sub $length 9)) | trimSuffix "-" | trimSuffix ".") ($name | sha256sum | trunc 8) -}}
{{- else -}}
{{- $name | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "pganalytics.name" -}}
{{- include "pganalytics.cut" (list (default .Chart.Name .Values.nameOverride) 36) -}}
{{- end -}}

{{/* At most 36 characters. With its suffix, the name of a StatefulSet may have 52 characters, because a label of its pods contains the name and a hash. */}}
{{- define "pganalytics.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if .Values.fullnameOverride -}}
{{- include "pganalytics.cut" (list .Values.fullnameOverride 36) -}}
{{- else if contains $name .Release.Name -}}
{{- include "pganalytics.cut" (list .Release.Name 36) -}}
{{- else -}}
{{- include "pganalytics.cut" (list (printf "%s-%s" .Release.Name $name) 36) -}}
{{- end -}}
{{- end -}}

{{/* The namespace of all objects. */}}
{{- define "pganalytics.namespace" -}}
{{- default .Release.Namespace .Values.namespaceOverride -}}
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

{{/*
The name of a cluster-wide object, or of an object in another namespace. A namespace contains no dot, so the dot separates namespace and name without
ambiguity. Takes (list $ component).
*/}}
{{- define "pganalytics.globalName" -}}
{{- printf "%s.%s-%s" (include "pganalytics.namespace" (index . 0)) (include "pganalytics.fullname" (index . 0)) (index . 1) -}}
{{- end -}}
