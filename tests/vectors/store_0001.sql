-- Written by a gateway of the first schema (0001); see tests/integration/store/test_upgrade.py.
BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0001');
CREATE TABLE clock (
	id INTEGER NOT NULL, 
	site FLOAT NOT NULL, 
	wall FLOAT NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "clock" VALUES(1,1.79527381682706642148e+09,1.79527381682706689827e+09);
CREATE TABLE dead_letters (
	id INTEGER NOT NULL, 
	queue INTEGER NOT NULL, 
	update_id VARCHAR NOT NULL, 
	kind INTEGER NOT NULL, 
	body TEXT NOT NULL, 
	code VARCHAR NOT NULL, 
	reason TEXT NOT NULL, 
	wall FLOAT NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "dead_letters" VALUES(1,1,'P/d1/default/1',1,'{"product":"P","device":"d1","state":"downloading","version":"2.0","percent":40}','E17','not like this',1.79527381677424073221e+09);
CREATE TABLE journal (
	id INTEGER NOT NULL, 
	product VARCHAR NOT NULL, 
	device VARCHAR NOT NULL, 
	update_id VARCHAR, 
	source VARCHAR NOT NULL, 
	text TEXT NOT NULL, 
	wall FLOAT NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "journal" VALUES(1,'P','d1','P/d1/default/1','understood','{"product":"P","device":"d1","state":"downloading","version":"2.0","percent":40}',1.79527381674224567414e+09);
INSERT INTO "journal" VALUES(2,'P','d1','P/d1/default/1','understood','{"product":"P","device":"d1","state":"failed","version":"2.0","reason":"LOW_BATTERY","code":"E7","detail":"3.1 V"}',1.79527381675933527947e+09);
INSERT INTO "journal" VALUES(3,'P','d1','P/d1/default/2','understood','{"product":"P","device":"d1","state":"queued","version":"3.0","synthetic":true}',1.79527381678759145738e+09);
INSERT INTO "journal" VALUES(4,'P','d1','P/d1/default/2','cloud/one','ordered 3.0 (task-7)',1.79527381678759145738e+09);
INSERT INTO "journal" VALUES(5,'P','d1','P/d1/default/2','understood','{"product":"P","device":"d1","state":"notified","version":"3.0"}',1.79527381679119849206e+09);
INSERT INTO "journal" VALUES(6,'P','d1','P/d1/default/2','understood','{"product":"P","device":"d1","state":"downloading","version":"3.0","percent":12}',1.79527381680319070818e+09);
INSERT INTO "journal" VALUES(7,'P','d2','P/d2/default/1','understood','{"product":"P","device":"d2","state":"installing","version":"2.0"}',1.79527381680473661421e+09);
INSERT INTO "journal" VALUES(8,'P','d2','P/d2/default/1','understood','{"product":"P","device":"d2","state":"succeeded","version":"2.0"}',1.79527381681292319296e+09);
INSERT INTO "journal" VALUES(9,'P','d3','P/d3/default/1','understood','{"product":"P","device":"d3","state":"waiting_confirmation","version":"2.0","synthetic":true}',1.79527381682296419138e+09);
INSERT INTO "journal" VALUES(10,'P','d3','P/d3/default/1','cloud/one','ordered 2.0 (c1)',1.79527381682296419138e+09);
CREATE TABLE lanes (
	lane VARCHAR NOT NULL, 
	messages BIGINT DEFAULT '0' NOT NULL, 
	size BIGINT DEFAULT '0' NOT NULL, 
	circuit VARCHAR DEFAULT 'closed' NOT NULL, 
	failures INTEGER DEFAULT '0' NOT NULL, 
	until FLOAT DEFAULT '0' NOT NULL, 
	reason TEXT DEFAULT '' NOT NULL, 
	PRIMARY KEY (lane)
);
INSERT INTO "lanes" VALUES('cloud/one',7,1233,'closed',0,0.0,'');
INSERT INTO "lanes" VALUES('cloud/two',7,1233,'open',4,1.79527384681457185741e+09,'http_5xx');
CREATE TABLE messages (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	queue INTEGER NOT NULL, 
	update_id VARCHAR NOT NULL, 
	kind INTEGER NOT NULL, 
	revision INTEGER DEFAULT '0' NOT NULL, 
	body TEXT NOT NULL, 
	size INTEGER NOT NULL, 
	enqueued_at FLOAT NOT NULL
);
INSERT INTO "messages" VALUES(3,1,'P/d1/default/1',2,0,'{"product":"P","device":"d1","state":"failed","version":"2.0","reason":"LOW_BATTERY","code":"E7","detail":"3.1 V"}',210,1.7952738167593345642e+09);
INSERT INTO "messages" VALUES(4,2,'P/d1/default/1',2,0,'{"product":"P","device":"d1","state":"failed","version":"2.0","reason":"LOW_BATTERY","code":"E7","detail":"3.1 V"}',210,1.7952738167593345642e+09);
INSERT INTO "messages" VALUES(5,1,'P/d1/default/2',1,0,'{"product":"P","device":"d1","state":"queued","version":"3.0","synthetic":true}',175,1.79527381678759074211e+09);
INSERT INTO "messages" VALUES(6,2,'P/d1/default/2',1,0,'{"product":"P","device":"d1","state":"queued","version":"3.0","synthetic":true}',175,1.79527381678759074211e+09);
INSERT INTO "messages" VALUES(7,1,'P/d1/default/2',1,0,'{"product":"P","device":"d1","state":"notified","version":"3.0"}',160,1.79527381679119777679e+09);
INSERT INTO "messages" VALUES(8,2,'P/d1/default/2',1,0,'{"product":"P","device":"d1","state":"notified","version":"3.0"}',160,1.79527381679119777679e+09);
INSERT INTO "messages" VALUES(9,1,'P/d1/default/2',1,0,'{"product":"P","device":"d1","state":"downloading","version":"3.0","percent":12}',176,1.79527381680319023139e+09);
INSERT INTO "messages" VALUES(10,2,'P/d1/default/2',1,0,'{"product":"P","device":"d1","state":"downloading","version":"3.0","percent":12}',176,1.79527381680319023139e+09);
INSERT INTO "messages" VALUES(11,3,'P/d2/default/1',1,0,'{"product":"P","device":"d2","state":"installing","version":"2.0"}',162,1.79527381680473589894e+09);
INSERT INTO "messages" VALUES(12,4,'P/d2/default/1',1,0,'{"product":"P","device":"d2","state":"installing","version":"2.0"}',162,1.79527381680473589894e+09);
INSERT INTO "messages" VALUES(13,3,'P/d2/default/1',2,0,'{"product":"P","device":"d2","state":"succeeded","version":"2.0"}',161,1.79527381681292271618e+09);
INSERT INTO "messages" VALUES(14,4,'P/d2/default/1',2,0,'{"product":"P","device":"d2","state":"succeeded","version":"2.0"}',161,1.79527381681292271618e+09);
INSERT INTO "messages" VALUES(15,5,'P/d3/default/1',1,0,'{"product":"P","device":"d3","state":"waiting_confirmation","version":"2.0","synthetic":true}',189,1.79527381682296371459e+09);
INSERT INTO "messages" VALUES(16,6,'P/d3/default/1',1,0,'{"product":"P","device":"d3","state":"waiting_confirmation","version":"2.0","synthetic":true}',189,1.79527381682296371459e+09);
CREATE TABLE orders (
	lane VARCHAR NOT NULL, 
	product VARCHAR NOT NULL, 
	device VARCHAR NOT NULL, 
	module VARCHAR NOT NULL, 
	update_id VARCHAR, 
	is_closed BOOLEAN NOT NULL, 
	note VARCHAR NOT NULL, 
	version VARCHAR NOT NULL, 
	handle TEXT NOT NULL, 
	url TEXT NOT NULL, 
	size BIGINT, 
	md5 VARCHAR, 
	needs_confirmation BOOLEAN NOT NULL, 
	source VARCHAR, 
	is_delta BOOLEAN NOT NULL, 
	min_power INTEGER, 
	min_signal INTEGER, 
	retries INTEGER, 
	retry_interval FLOAT, 
	PRIMARY KEY (lane, product, device, module)
);
INSERT INTO "orders" VALUES('cloud/one','P','d1','default','P/d1/default/2',0,'','3.0','task-7','http://x/image?sign=abc',4096,NULL,0,NULL,0,NULL,NULL,NULL,NULL);
INSERT INTO "orders" VALUES('cloud/one','P','d3','default','P/d3/default/1',0,'','2.0','c1','http://x/image?sign=abc',4096,NULL,1,NULL,0,NULL,NULL,NULL,NULL);
INSERT INTO "orders" VALUES('cloud/two','P','d3','default',NULL,0,'conflict','3.0','c2','http://x/image?sign=abc',4096,NULL,0,NULL,0,NULL,NULL,NULL,NULL);
CREATE TABLE quarantine (
	id INTEGER NOT NULL, 
	product VARCHAR NOT NULL, 
	device VARCHAR NOT NULL, 
	topic TEXT NOT NULL, 
	payload BLOB NOT NULL, 
	reason VARCHAR NOT NULL, 
	detail TEXT NOT NULL, 
	wall FLOAT NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "quarantine" VALUES(1,'P','d3','ota/P/d3/report',X'7B2274797065223AFF007D','bad_json','not UTF-8',1.79527381682706689827e+09);
CREATE TABLE queues (
	id INTEGER NOT NULL, 
	lane VARCHAR NOT NULL, 
	product VARCHAR NOT NULL, 
	device VARCHAR NOT NULL, 
	urgency INTEGER DEFAULT '-1' NOT NULL, 
	due_at FLOAT DEFAULT '0' NOT NULL, 
	head_at FLOAT, 
	progress_after FLOAT DEFAULT '0' NOT NULL, 
	attempts INTEGER DEFAULT '0' NOT NULL, 
	leased_until FLOAT DEFAULT '0' NOT NULL, 
	in_flight INTEGER, 
	parked VARCHAR, 
	PRIMARY KEY (id), 
	CONSTRAINT uq_queues_device UNIQUE (lane, product, device)
);
INSERT INTO "queues" VALUES(1,'cloud/one','P','d1',2,1.79527381676340079303e+09,1.7952738167593345642e+09,1.79527381676340079303e+09,0,0.0,NULL,NULL);
INSERT INTO "queues" VALUES(2,'cloud/two','P','d1',2,1.7952738168145718575e+09,1.7952738167593345642e+09,0.0,0,0.0,NULL,NULL);
INSERT INTO "queues" VALUES(3,'cloud/one','P','d2',2,1.79527381680473589894e+09,1.79527381680473589894e+09,0.0,0,0.0,NULL,NULL);
INSERT INTO "queues" VALUES(4,'cloud/two','P','d2',2,1.79527381680473589894e+09,1.79527381680473589894e+09,0.0,0,0.0,NULL,NULL);
INSERT INTO "queues" VALUES(5,'cloud/one','P','d3',1,1.79527381682296371459e+09,1.79527381682296371459e+09,0.0,0,0.0,NULL,NULL);
INSERT INTO "queues" VALUES(6,'cloud/two','P','d3',1,1.79527381682296371459e+09,1.79527381682296371459e+09,0.0,0,0.0,NULL,NULL);
CREATE TABLE tellings (
	queue INTEGER NOT NULL, 
	update_id VARCHAR NOT NULL, 
	state VARCHAR, 
	closed VARCHAR, 
	PRIMARY KEY (queue, update_id)
);
INSERT INTO "tellings" VALUES(2,'P/d1/default/1','downloading',NULL);
CREATE TABLE updates (
	id VARCHAR NOT NULL, 
	product VARCHAR NOT NULL, 
	device VARCHAR NOT NULL, 
	module VARCHAR NOT NULL, 
	number INTEGER NOT NULL, 
	target VARCHAR NOT NULL, 
	attempt INTEGER NOT NULL, 
	state VARCHAR NOT NULL, 
	percent INTEGER, 
	phase VARCHAR NOT NULL, 
	reason VARCHAR NOT NULL, 
	code TEXT NOT NULL, 
	detail TEXT NOT NULL, 
	source VARCHAR, 
	predecessor VARCHAR, 
	both_entered BOOLEAN NOT NULL, 
	stalled BOOLEAN NOT NULL, 
	unverified BOOLEAN NOT NULL, 
	doubt VARCHAR, 
	rearmed BOOLEAN NOT NULL, 
	synthetic BOOLEAN NOT NULL, 
	ordered BOOLEAN NOT NULL, 
	confirmed BOOLEAN NOT NULL, 
	paused BOOLEAN NOT NULL, 
	retries_left INTEGER NOT NULL, 
	retry_pause FLOAT NOT NULL, 
	retries INTEGER NOT NULL, 
	not_before FLOAT NOT NULL, 
	opened_at FLOAT NOT NULL, 
	entered_at FLOAT NOT NULL, 
	touched_at FLOAT NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT uq_updates_number UNIQUE (product, device, module, number)
);
INSERT INTO "updates" VALUES('P/d1/default/1','P','d1','default',1,'2.0',1,'failed',NULL,'unknown','LOW_BATTERY','E7','3.1 V','1.0',NULL,0,0,0,NULL,0,0,0,0,0,0,0.0,0,0.0,1.79527381674207091332e+09,1.79527381675896716118e+09,1.79527381675896716118e+09);
INSERT INTO "updates" VALUES('P/d1/default/2','P','d1','default',2,'3.0',1,'downloading',12,'unknown','NONE','','','1.0','2.0',0,0,0,NULL,0,0,1,0,0,0,300.0,0,0.0,1.79527381678723263738e+09,1.79527381680308222768e+09,1.79527381680308222768e+09);
INSERT INTO "updates" VALUES('P/d2/default/1','P','d2','default',1,'2.0',1,'succeeded',NULL,'unknown','NONE','','','1.0',NULL,0,0,0,NULL,0,0,0,0,0,0,0.0,0,0.0,1.79527381680463409422e+09,1.79527381681263399127e+09,1.79527381681263399127e+09);
INSERT INTO "updates" VALUES('P/d3/default/1','P','d3','default',1,'2.0',1,'waiting_confirmation',NULL,'unknown','NONE','','','1.0',NULL,0,0,0,NULL,0,1,1,0,0,0,300.0,0,0.0,1.7952738168226513863e+09,1.7952738168226513863e+09,1.7952738168226513863e+09);
CREATE TABLE versions (
	product VARCHAR NOT NULL, 
	device VARCHAR NOT NULL, 
	module VARCHAR NOT NULL, 
	version VARCHAR NOT NULL, 
	reported_at FLOAT NOT NULL, 
	PRIMARY KEY (product, device, module)
);
INSERT INTO "versions" VALUES('P','d1','default','1.0',1.79527381671336221701e+09);
INSERT INTO "versions" VALUES('P','d2','default','2.0',1.79527381681292271618e+09);
INSERT INTO "versions" VALUES('P','d3','default','1.0',1.79527381673839163782e+09);
CREATE INDEX ix_journal_update ON journal (update_id);
CREATE INDEX ix_messages_queue ON messages (queue, id);
CREATE INDEX ix_messages_terminal ON messages (queue) WHERE kind = 2;
CREATE UNIQUE INDEX ux_messages_progress ON messages (queue, update_id) WHERE kind = 0;
CREATE INDEX ix_queues_claim ON queues (lane, urgency, due_at);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('messages',16);
COMMIT;
