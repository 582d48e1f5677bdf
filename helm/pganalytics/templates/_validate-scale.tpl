{{/* How many backends there are, and values that have no effect. */}}
{{- define "pganalytics.validate.scale" -}}
{{- $b := .Values.backend -}}
{{- $a := $b.autoscaling -}}
{{- $p := $b.podDisruptionBudget -}}
{{- $s := $b.service -}}
{{- if $b.enabled }}
{{- if $a.enabled }}
{{- if gt (int $a.minReplicas) (int $a.maxReplicas) }}
backend.autoscaling.minReplicas={{ $a.minReplicas }} is above maxReplicas={{ $a.maxReplicas }}: set minReplicas to at most maxReplicas
{{- end }}
{{- if not (or $a.targetCPUUtilizationPercentage $a.targetMemoryUtilizationPercentage) }}
backend.autoscaling has no target: set backend.autoscaling.targetCPUUtilizationPercentage or targetMemoryUtilizationPercentage
{{- end }}
{{- range $resource, $target := dict "cpu" $a.targetCPUUtilizationPercentage "memory" $a.targetMemoryUtilizationPercentage }}
{{- if and $target (not (dig "requests" $resource "" $b.resources)) (not (dig "limits" $resource "" $b.resources)) }}
backend.autoscaling scales by the use of the requested {{ $resource }}, and no {{ $resource }} is requested: set backend.resources.requests.{{ $resource }}
{{- end }}
{{- end }}
{{- end }}
{{- if and $p.enabled (include "pganalytics.several" .) }}
{{- $fewest := int (ternary $a.minReplicas $b.replicas $a.enabled) }}
{{- if not (kindIs "invalid" $p.minAvailable) }}
{{- if or (eq (toString $p.minAvailable) "100%") (and (not (hasSuffix "%" (toString $p.minAvailable))) (ge (int $p.minAvailable) $fewest)) }}
backend.podDisruptionBudget.minAvailable={{ $p.minAvailable }} with {{ $fewest }} backends allows no eviction, so no node can be drained: set a number below {{ $fewest }}
{{- end }}
{{- else if has (toString $p.maxUnavailable) (list "0" "0%") }}
backend.podDisruptionBudget.maxUnavailable={{ $p.maxUnavailable }} allows no eviction, so no node can be drained: set 1 or more, or backend.podDisruptionBudget.enabled=false
{{- end }}
{{- end }}
{{- $drain := include "pganalytics.seconds" $b.config.drainDelay | float64 }}
{{- if ge $drain (float64 $b.terminationGracePeriodSeconds) }}
backend.config.drainDelay={{ $b.config.drainDelay }} leaves no time to shut down within backend.terminationGracePeriodSeconds={{ $b.terminationGracePeriodSeconds }}: set terminationGracePeriodSeconds to the delay and at least 25 s more
{{- end }}
{{- if and $s.nodePort (eq $s.type "ClusterIP") }}
backend.service.nodePort has no effect with backend.service.type=ClusterIP: set backend.service.type=NodePort, or leave nodePort out
{{- end }}
{{- if and $s.loadBalancer.sourceRanges (ne $s.type "LoadBalancer") }}
backend.service.loadBalancer.sourceRanges has no effect with backend.service.type={{ $s.type }}: set networkPolicy.backendFrom instead
{{- end }}
{{- end }}
{{- end -}}

{{/* The seconds of a span such as 500ms, 30s or 5m. */}}
{{- define "pganalytics.seconds" -}}
{{- mulf (float64 (regexFind "^[0-9]+" .)) (get (dict "ms" 0.001 "s" 1.0 "m" 60.0 "h" 3600.0 "d" 86400.0) (regexFind "[a-z]+$" .)) -}}
{{- end -}}
