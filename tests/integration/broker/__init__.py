"""The broker room, through real sockets.

Where each defect that was found in stock amqtt 0.12.1 stays fixed:

1.  A certificate of an earlier connection counts for a later one:
    `test_tls.test_a_certificate_shown_before_proves_nothing_now`.
2.  Sessions are touched before the login: `test_login.test_a_wrong_password_touches_nobody`.
3.  Retained messages reach everybody who connects: `test_publishing.test_a_retained_publish_is_a_publish`,
    `test_subscriptions.test_what_a_device_publishes_reaches_no_device`.
4.  Wills pass the ACL: `test_subscriptions.test_wills_are_nobodys`.
5.  A client that leaves early stays for ever: `test_login.test_leaving_at_any_moment_of_the_login_leaves_nothing`,
    `test_login.test_leaving_during_a_slow_login_leaves_nothing`,
    `test_publishing.test_connect_publish_and_disconnect_in_one_segment`.
6.  Failed logins leave sessions: `test_login.test_failed_logins_leave_nothing`.
7.  Keep-alive is not enforced: `test_login.test_keep_alive_is_enforced`.
8.  A silent connection is kept for ever and holds up the stop: `test_login.test_a_silent_stranger_is_sent_away`,
    `test_shutdown.test_stop_with_strangers_that_say_nothing`.
9.  A takeover leaves two connections, or none: `test_login.test_a_newer_connection_takes_over`,
    `test_login.test_connects_of_one_device_at_once_are_serialised`.
10. Packets have no size limit: `test_limits.test_a_packet_that_is_too_large_is_refused_by_its_header`,
    `test_oversize.test_the_largest_that_mqtt_has_costs_no_memory`.
11. Broken packets are read on as others: `test_limits.test_a_broken_packet_ends_the_connection` and
    `test_a_broken_greeting_ends_the_connection`.
12. A device that does not read costs memory and the stop: `test_shutdown.test_stop_with_devices_that_never_read`,
    `test_downlink.test_a_device_that_does_not_read_is_told_no_more`.
13. Queues have no bound: `test_limits.test_a_flood_without_room_is_left_in_the_kernel`,
    `test_limits.test_unacknowledged_publishes_are_bounded`.

Noise in a thousand streams leaves nothing (`test_hostile`), and what is acknowledged was received (`test_publishing`).
"""
