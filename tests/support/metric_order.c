#include "metric_order.h"

const char *const metric_order[METRIC_SECTION_COUNT] = {
	[METRIC_SECTION_STAT] =
	    "uptime_ns connections jobs_total jobs_planned jobs_triggered "
	    "jobs_executed jobs_failed rules_total executions_pending "
	    "executions_inflight persistence compression auth_enabled "
	    "tls_enabled framerate",
	[METRIC_SECTION_SYSTEM] =
	    "status cpu_usage memory_usage disk_usage active_operations "
	    "queue_depth total_agents active_agents total_integrations "
	    "healthy_integrations alerts_critical alerts_warning alerts_info "
	    "process_cpu_usage process_rss_bytes open_fds threads load1 "
	    "sampled_ns approvals_pending",
	[METRIC_SECTION_SCHEDULER] =
	    "status framerate frames_total frames_late triggered_total "
	    "executed_total failed_total retried_total missed_total "
	    "next_due_ns trigger_lateness_us_p50 trigger_lateness_us_p99 "
	    "trigger_lateness_us_max queue_wait_us_p50 queue_wait_us_p99 "
	    "queue_wait_us_max maintenance",
	[METRIC_SECTION_STORAGE] =
	    "status persistence appended_records_total appended_bytes_total "
	    "commits_total commit_us_p50 commit_us_p99 commit_us_max "
	    "group_size_mean logfile_bytes base_bytes compression "
	    "compression_last_ns compression_last_ms compression_ratio "
	    "recovered_records recovery_ms discarded_bytes last_error "
	    "backend_status",
	[METRIC_SECTION_PROTOCOL] =
	    "status connections connections_total connections_refused "
	    "requests_total errors_total requests_per_second bytes_in "
	    "bytes_out latency_us_p50 latency_us_p95 latency_us_p99 "
	    "latency_us_max auth_failures_total rate_limited_total "
	    "tls_handshake_failures_total",
	[METRIC_SECTION_COMMAND] =
	    "command name requests errors latency_us_p50 latency_us_p99",
	[METRIC_SECTION_BACKGROUND] =
	    "task state runs failures last_ns last_ms next_ns",
	[METRIC_SECTION_AGENTS] =
	    "rule status success_rate confidence_score operations_completed "
	    "health_trend",
	[METRIC_SECTION_AGENT] =
	    "agent_id agent_name status current_operation "
	    "operations_completed success_rate confidence_score "
	    "last_active_ns health_trend avg_execution_time_ms error_rate "
	    "recent_executions execution_time_ms_p50 execution_time_ms_p95 "
	    "execution_time_ms_p99 recent_failures sandbox sessions "
	    "last_success_ns",
	[METRIC_SECTION_INTEGRATIONS] =
	    "integration status last_used_ns latency_ms error_rate "
	    "health_trend connection_status",
	[METRIC_SECTION_INTEGRATION] =
	    "integration_id integration_name status last_used_ns latency_ms "
	    "error_rate health_trend connection_status calls_total "
	    "errors_total probe probe_last_ns probe_last_result sync_status "
	    "breaker",
	[METRIC_SECTION_SESSIONS] =
	    "created_sessions created_per_minute force_terminated_zombies "
	    "force_terminated_per_minute total_watched first_class "
	    "second_class connecting completed completed_per_minute "
	    "ended_idle ended_idle_per_minute ended_expired "
	    "ended_expired_per_minute lifespan_seconds_le_1 "
	    "lifespan_seconds_le_5 lifespan_seconds_le_15 "
	    "lifespan_seconds_le_60 lifespan_seconds_le_300 "
	    "lifespan_seconds_le_900 lifespan_seconds_le_1500 "
	    "lifespan_seconds_le_inf lifespan_executions_le_0 "
	    "lifespan_executions_le_1 lifespan_executions_le_2 "
	    "lifespan_executions_le_5 lifespan_executions_le_10 "
	    "lifespan_executions_le_50 lifespan_executions_le_100 "
	    "lifespan_executions_le_inf ended_lost",
	[METRIC_SECTION_SANDBOX_KIND] = "kind available detail",
	[METRIC_SECTION_SANDBOX] =
	    "max_agents current_agents agents_connecting agents_idle "
	    "agents_busy agents_stopping",
	[METRIC_SECTION_BREAKERS] =
	    "status closed open half_open isolated held_jobs",
	[METRIC_SECTION_BREAKER] =
	    "breaker state failure_ratio calls opened_ns retry_ns last_error",
	[METRIC_SECTION_ALERTS] =
	    "status critical warning info acknowledged raised_total "
	    "cleared_total",
	[METRIC_SECTION_ALERT] =
	    "alert_id severity source_type source_id raised_ns "
	    "action_required acknowledged message",
	[METRIC_SECTION_HISTORY] =
	    "timestamp_ns health_score status total completed failed avg_ms",
	[METRIC_SECTION_HISTORY_SYSTEM] =
	    "timestamp_ns health_score status cpu memory queue_depth alerts",
};
