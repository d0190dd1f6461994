"""How a network learns, on one page. `fit` is the same loop with machinery: a GPU, 16 bits, a progress bar, files, processes."""

import time

import torch
import torch.nn.functional as F

from cnn_course import data
from cnn_course.training.history import History
from cnn_course.training.recipe import for_plain_loop, scheduler, sgd


def train(net, cifar, epochs=2, recipe=None, seed=0):
    """Train `net` in place on `cifar.train`, test it on `cifar.test` after every epoch, return the History.

    On the CPU, in batches of 32 where the recipe names no other size. ValueError for a recipe with settings that only `fit`
    knows, such as an optimizer.
    """
    recipe = for_plain_loop(recipe)  # the course's own where none is given
    batch_size = recipe.batch_size or 32
    steps = epochs * data.number_of_batches(len(cifar.train), batch_size)
    net.to(memory_format=torch.channels_last)  # how images lie in memory where convolutions are fastest
    optimizer = sgd(net, recipe, batch_size)  # stochastic gradient descent, with momentum and weight decay
    schedule = scheduler(optimizer, recipe, steps)  # the learning rate of every step
    torch.manual_seed(seed)  # for dropout
    generator = torch.Generator().manual_seed(seed)  # for the order of the images, and for augmentation
    history = History.of(net, cifar, seed)

    for epoch in range(1, epochs + 1):
        start, summed, right = time.perf_counter(), 0.0, 0
        net.train()  # batch norm looks at the batch, dropout drops
        for images, labels in data.batches(cifar.train, batch_size, recipe.augment, generator, epoch=epoch - 1):
            logits = net(images)  # (N, 3, 32, 32) -> (N, classes)
            loss = F.cross_entropy(logits, labels, label_smoothing=recipe.label_smoothing)  # mean over the batch
            optimizer.zero_grad()  # forget the last batch's gradients, or they add up
            loss.backward()  # the gradient of the loss by every weight
            optimizer.step()  # every weight a small step downhill
            schedule.step()  # the next learning rate
            summed += loss.item() * len(labels)
            right += (logits.argmax(dim=1) == labels).sum().item()
        row = {"epoch": epoch, "train_loss": summed / len(cifar.train), "train_accuracy": right / len(cifar.train)}
        row["seconds"] = time.perf_counter() - start

        net.eval()  # batch norm uses what it has learned, dropout rests
        with torch.no_grad():
            logits = torch.cat([net(data.to_float(images)) for images in cifar.test.images.split(100)])
        loss = F.cross_entropy(logits, cifar.test.labels).item()
        accuracy = (logits.argmax(dim=1) == cifar.test.labels).float().mean().item()
        history.rows.append({**row, f"{cifar.held_out}_loss": loss, f"{cifar.held_out}_accuracy": accuracy})
        print(f"epoch {epoch}: loss {row['train_loss']:.3f}, {accuracy:.1%} of the {cifar.held_out} images right")
    return history
