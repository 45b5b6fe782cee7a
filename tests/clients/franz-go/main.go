// Writes and reads records with franz-go, with its defaults: an idempotent producer.
//
//	franz-go write BOOTSTRAP TOPIC CODEC <records
//	franz-go read BOOTSTRAP TOPIC COUNT >records
//
// A record is a line: [OFFSET when read, ]KEY, VALUE and NAME:VALUE,... of its headers, in hex, "-" for null.
package main

import (
	"bufio"
	"context"
	"encoding/hex"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

var codecs = map[string]kgo.CompressionCodec{
	"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(),
	"lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
}

func main() {
	command, bootstrap, topic, last := os.Args[1], os.Args[2], os.Args[3], os.Args[4]
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if command == "write" {
		write(ctx, bootstrap, topic, last)
	} else {
		count, err := strconv.Atoi(last)
		check(err)
		read(ctx, bootstrap, topic, count)
	}
}

func write(ctx context.Context, bootstrap, topic, codec string) {
	client, err := kgo.NewClient(kgo.SeedBrokers(bootstrap), kgo.DefaultProduceTopic(topic),
		kgo.AllowAutoTopicCreation(), kgo.ProducerBatchCompression(codecs[codec]))
	check(err)
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		fields := strings.Split(lines.Text(), " ")
		record := &kgo.Record{Key: bytesOf(fields[0]), Value: bytesOf(fields[1])}
		if fields[2] != "" {
			for _, header := range strings.Split(fields[2], ",") {
				name, value, _ := strings.Cut(header, ":")
				record.Headers = append(record.Headers, kgo.RecordHeader{Key: string(bytesOf(name)), Value: bytesOf(value)})
			}
		}
		client.Produce(ctx, record, func(_ *kgo.Record, err error) { check(err) })
	}
	check(lines.Err())
	check(client.Flush(ctx))
	client.Close()
}

func read(ctx context.Context, bootstrap, topic string, count int) {
	start := map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().AtStart()}}
	client, err := kgo.NewClient(kgo.SeedBrokers(bootstrap), kgo.ConsumePartitions(start))
	check(err)
	out := bufio.NewWriter(os.Stdout)
	for count > 0 {
		fetches := client.PollFetches(ctx)
		fetches.EachError(func(_ string, _ int32, err error) { check(err) })
		fetches.EachRecord(func(record *kgo.Record) {
			var headers []string
			for _, header := range record.Headers {
				headers = append(headers, hexOf([]byte(header.Key))+":"+hexOf(header.Value))
			}
			fmt.Fprintln(out, record.Offset, hexOf(record.Key), hexOf(record.Value), strings.Join(headers, ","))
			count--
		})
	}
	check(out.Flush())
	client.Close()
}

func hexOf(value []byte) string {
	if value == nil {
		return "-"
	}
	return hex.EncodeToString(value)
}

func bytesOf(text string) []byte {
	if text == "-" {
		return nil
	}
	value, err := hex.DecodeString(text)
	check(err)
	return value
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
