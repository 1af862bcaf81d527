"""Snapshots, models and partitions in S3 buckets and stores that speak its protocol, through boto3."""
