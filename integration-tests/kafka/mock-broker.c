/* A broker of librdkafka's mock cluster that other processes can connect to. Prints its address; then takes commands, one a
 * line, and answers each with "ok":
 *   fail KEY CODE COUNT   the next COUNT requests of that API fail with that code of the protocol
 *   api KEY MIN MAX       offers only these versions of an API
 * Ends with its input. */
#include <stdio.h>
#include <string.h>
#include "rdkafka.h"
#include "rdkafka_mock.h"

int main(void) {
  char error[512], line[256];
  rd_kafka_conf_t *conf = rd_kafka_conf_new();
  rd_kafka_conf_set(conf, "log_level", "0", NULL, 0);
  rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof error);
  if (rk == NULL) return fprintf(stderr, "%s\n", error), 1;
  rd_kafka_mock_cluster_t *mock = rd_kafka_mock_cluster_new(rk, 1);
  rd_kafka_mock_group_initial_rebalance_delay_ms(mock, 0);
  puts(rd_kafka_mock_cluster_bootstraps(mock)), fflush(stdout);
  while (fgets(line, sizeof line, stdin) != NULL) {
    int key, a, b;
    if (sscanf(line, "fail %d %d %d", &key, &a, &b) == 3)
      while (b-- > 0) rd_kafka_mock_push_request_errors(mock, (int16_t)key, 1, (rd_kafka_resp_err_t)a);
    else if (sscanf(line, "api %d %d %d", &key, &a, &b) == 3)
      rd_kafka_mock_set_apiversion(mock, (int16_t)key, (int16_t)a, (int16_t)b);
    puts("ok"), fflush(stdout);
  }
  rd_kafka_mock_cluster_destroy(mock);
  rd_kafka_destroy(rk);
  return 0;
}
